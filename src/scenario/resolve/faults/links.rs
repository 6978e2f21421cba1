//! Faults of the network between two groups.

use super::Around;
use super::target::group;
use crate::fault::{LinkTrouble, Links};
use crate::kernel::time::{Span, SpanRange};
use crate::scenario::error::Place;
use crate::scenario::file::{
    At, Bandwidth, CutFile, LossyLinkFile, ResetConnectionsFile, SlowLinkFile,
};
use crate::scenario::resolve::Check;

/// One of the kinds, as it stands in the file.
#[derive(Clone, Copy)]
pub enum LinksFile<'a> {
    Cut(&'a At<CutFile>),
    Slow(&'a At<SlowLinkFile>),
    Lossy(&'a At<LossyLinkFile>),
    Reset(&'a At<ResetConnectionsFile>),
}

impl LinksFile<'_> {
    pub fn place(&self) -> Place {
        match self {
            LinksFile::Cut(at) => at.place,
            LinksFile::Slow(at) => at.place,
            LinksFile::Lossy(at) => at.place,
            LinksFile::Reset(at) => at.place,
        }
    }

    pub fn resolve(&self, around: &Around<'_>, check: &mut Check) -> Option<Links> {
        let (from, to, one_way) = match self {
            LinksFile::Cut(at) => (&at.value.from, &at.value.to, at.value.one_way),
            LinksFile::Slow(at) => (&at.value.from, &at.value.to, at.value.one_way),
            LinksFile::Lossy(at) => (&at.value.from, &at.value.to, at.value.one_way),
            LinksFile::Reset(at) => (&at.value.from, &at.value.to, None),
        };
        let trouble = self.trouble(check);
        let before = check.problems.len();
        let mut ends = |names: &At<Vec<At<String>>>| {
            if names.value.is_empty() {
                check.refuse(
                    names.place,
                    "a group has at least one member, like `[tm-1]`",
                );
            }
            group(&names.value, around.cluster, around.jobs, check)
        };
        let from_group = ends(from);
        let to_group = to.as_ref().map(&mut ends).unwrap_or_default();
        let in_both = from_group.iter().any(|member| to_group.contains(member));
        if in_both && check.problems.len() == before {
            let place = to.as_ref().map_or(from.place, |to| to.place);
            check.refuse(
                place,
                "somebody is in `from` and in `to`; a process has no link with itself",
            );
        }
        (check.problems.len() == before).then_some(Links {
            from: from_group,
            to: to_group,
            one_way: one_way.unwrap_or(false),
            trouble,
        })
    }

    fn trouble(&self, check: &mut Check) -> LinkTrouble {
        match self {
            LinksFile::Cut(_) => LinkTrouble::Cut,
            LinksFile::Slow(at) => {
                let (latency, bandwidth) = (&at.value.latency, &at.value.bandwidth);
                if latency.is_none() && bandwidth.is_none() {
                    check.refuse(
                        at.place,
                        "a slow link needs `latency`, like `latency: 50 ms .. 80 ms`, or `bandwidth`, like `bandwidth: 10 Mbit/s`",
                    );
                }
                LinkTrouble::Slow {
                    latency: latency
                        .as_ref()
                        .map_or(SpanRange::constant(Span::ZERO), |at| at.value.0),
                    bytes_per_s: bandwidth.as_ref().map_or(0, |at| {
                        let Bandwidth(value) = at.value;
                        value
                    }),
                }
            }
            LinksFile::Reset(_) => LinkTrouble::Reset,
            LinksFile::Lossy(at) => {
                let loss = &at.value.loss;
                if !(1..=990).contains(&loss.value.0) {
                    check.refuse(
                        loss.place,
                        "the loss is between 0.1 % and 99 %; where nothing gets through, write `cut`",
                    );
                }
                LinkTrouble::Lossy {
                    per_mille: loss.value.0.min(990),
                }
            }
        }
    }
}
