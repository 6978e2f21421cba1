//! Checkpoint storage: files, a latency before the first byte, and bandwidth that readers and writers share.

use std::collections::BTreeMap;

use crate::kernel::{ActorId, Span, Time};
use crate::substrate::server::{Server, rescaled};

use super::checkpoint::{Blob, BlobKey};
use super::context::Context;
use super::fact::Fact;
use super::message::{Body, Envelope, StorageTrouble};
use super::settings;

#[derive(Clone, Debug)]
pub struct Storage {
    latency: Span,
    reads: Server,
    writes: Server,
    files: BTreeMap<BlobKey, (u64, Blob)>,
    trouble: Option<StorageTrouble>,
    /// Answers to what came while it was slow: when it is not any more, they come sooner.
    held: Vec<Held>,
}

#[derive(Clone, Debug)]
struct Held {
    due: Time,
    to: ActorId,
    bytes: u64,
    body: Body,
}

/// At its own speed.
const WELL_PER_MILLE: u32 = 1_000;

impl Storage {
    pub fn new(settings: &settings::Storage) -> Storage {
        Storage {
            latency: settings.latency,
            reads: Server::new(settings.read_bytes_per_s),
            writes: Server::new(settings.write_bytes_per_s),
            files: BTreeMap::new(),
            trouble: None,
            held: Vec::new(),
        }
    }

    /// Something is wrong with it, or nothing any more. When it has to look at its answers again.
    pub fn suffer(&mut self, trouble: Option<StorageTrouble>, now: Time) -> Vec<Time> {
        let before = self.factor_per_mille();
        self.trouble = trouble;
        let after = self.factor_per_mille();
        // What was under way before it became slow is over soon.
        if before == WELL_PER_MILLE || before == after {
            return Vec::new();
        }
        self.reads.rescale(now, before, after);
        self.writes.rescale(now, before, after);
        for held in &mut self.held {
            held.due = rescaled(held.due, now, before, after).max(now);
        }
        self.held.iter().map(|held| held.due).collect()
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        let now = ctx.now();
        match envelope.body {
            Body::Start | Body::ConnectionReset { .. } | Body::ConnectionRefused { .. } => {}
            Body::Write { key, .. } if self.is_failing() => {
                ctx.state(Fact::WriteRefused { key });
                let body = Body::WriteFailed { key };
                ctx.send_after(self.latency, envelope.from, 0, body);
            }
            Body::Read { key } if self.is_failing() => {
                let body = Body::ReadFailed { key };
                ctx.send_after(self.latency, envelope.from, 0, body);
            }
            Body::Write { key, bytes, blob } => {
                let (_, done) = self.writes.serve(now, self.slowed(bytes));
                // Seen only through the answer, or by a read that its writer causes: so it may be in place already.
                self.files.insert(key, (bytes, blob));
                self.answer(done, envelope.from, 0, Body::Written { key }, ctx);
            }
            Body::Read { key } => {
                let file = self.files.get(&key).cloned();
                let bytes = file.as_ref().map_or(0, |(bytes, blob)| match blob {
                    // With the files of earlier snapshots that it builds on.
                    Blob::State(snapshot) => snapshot.bytes,
                    _ => *bytes,
                });
                let (_, done) = self.reads.serve(now, self.slowed(bytes));
                let blob = file.map(|(_, blob)| blob);
                let body = Body::ReadDone { key, blob };
                self.answer(done, envelope.from, bytes, body, ctx);
            }
            Body::Delete { key } => {
                self.files.remove(&key);
            }
            Body::StorageDue => {
                for held in self.held.extract_if(.., |held| held.due <= now) {
                    ctx.send_sized(held.to, held.bytes, held.body);
                }
            }
            body => unreachable!("storage does not receive {body:?}"),
        }
    }

    /// Answers when the last byte is through.
    fn answer(&mut self, done: Time, to: ActorId, bytes: u64, body: Body, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let wait = (done - now) + Span(self.slowed(self.latency.0));
        if self.factor_per_mille() == WELL_PER_MILLE {
            return ctx.send_after(wait, to, bytes, body);
        }
        let due = now + wait;
        let held = Held {
            due,
            to,
            bytes,
            body,
        };
        self.held.push(held);
        ctx.after(wait, Body::StorageDue);
    }

    fn factor_per_mille(&self) -> u32 {
        match self.trouble {
            Some(StorageTrouble::Slow { factor_per_mille }) => factor_per_mille,
            _ => WELL_PER_MILLE,
        }
    }

    fn is_failing(&self) -> bool {
        self.trouble == Some(StorageTrouble::Failing)
    }

    fn slowed(&self, quantity: u64) -> u64 {
        let factor = u128::from(self.factor_per_mille());
        (u128::from(quantity) * factor / u128::from(WELL_PER_MILLE)) as u64
    }
}
