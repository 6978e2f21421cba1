//! The main threads of the endpoints of one process: every call, answer and timer waits its turn.

use std::collections::BTreeMap;

use crate::actor::context::Context;
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::main_thread::{Admission, MainThread};
use crate::actor::flink::rpc::{Answer, AskId, Call, Endpoint, Rpc, RpcError};
use crate::actor::message::{Body, Timer};
use crate::kernel::Span;

/// What an endpoint has to handle.
#[derive(Clone, Debug)]
pub enum Work {
    Rpc(Peer, Box<Rpc>),
    Answer(AskId, Result<Answer, RpcError>),
    Timer(Timer),
}

impl Work {
    /// A heartbeat, with a report that has to be compared with what is known.
    pub fn is_heartbeat(&self) -> bool {
        let Work::Rpc(_, rpc) = self else {
            return false;
        };
        matches!(
            rpc.call,
            Call::HeartbeatFromTaskManager { .. } | Call::HeartbeatFromTaskExecutor { .. }
        )
    }
}

/// One thread by endpoint. A thread stays when its endpoint ends, and so does what waits there: calls find nobody then.
#[derive(Clone, Debug, Default)]
pub struct Threads {
    threads: BTreeMap<Endpoint, MainThread<Work>>,
}

impl Threads {
    /// The work, if it can be handled at once; otherwise it waits.
    pub fn admit(&mut self, endpoint: Endpoint, work: Work, ctx: &mut Context<'_>) -> Option<Work> {
        let thread = self.threads.entry(endpoint).or_default();
        match thread.admit(work, ctx.now()) {
            Admission::Now(work) => Some(work),
            Admission::WakeAfter(span) => {
                ctx.after(span, Body::MainThreadFree { endpoint });
                None
            }
            Admission::Waits => None,
        }
    }

    pub fn occupy(&mut self, endpoint: Endpoint, span: Span, ctx: &Context<'_>) {
        let thread = self.threads.entry(endpoint).or_default();
        thread.occupy(span, ctx.now());
    }

    /// The thread has been woken: its next piece of work. None: it sleeps again.
    pub fn next(&mut self, endpoint: Endpoint, ctx: &mut Context<'_>) -> Option<Work> {
        let thread = self.threads.entry(endpoint).or_default();
        let work = thread.next(ctx.now());
        if work.is_none()
            && let Some(span) = thread.sleep(ctx.now())
        {
            ctx.after(span, Body::MainThreadFree { endpoint });
        }
        work
    }

    /// The endpoint has ended: its timers and asks are for nobody, calls still find out that it is gone.
    pub fn end(&mut self, endpoint: Endpoint) {
        if let Some(thread) = self.threads.get_mut(&endpoint) {
            thread.retain(|work| matches!(work, Work::Rpc(..)));
        }
    }
}
