//! The plots: each composed once as a picture of plain shapes, then drawn as SVG and as PNG.

mod axis;
mod font;
mod frame;
mod lanes;
mod latency;
mod paint;
mod palette;
pub mod pareto;
mod picture;
mod png;
pub mod scatter;
mod sequence;
mod svg;
pub mod sweep;
mod waterfall;

use crate::drill::outcome::Outcome;

use self::picture::Picture;
use super::{Artifact, Format};

/// Which plot.
#[derive(Clone, Copy)]
pub enum Plot {
    LatencyAndLag,
    TasksOnTaskManagers,
    RecoveryPhases,
    MessageSequence,
}

impl Plot {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Plot::LatencyAndLag => ("latency-and-lag.svg", "latency-and-lag.png"),
            Plot::TasksOnTaskManagers => ("tasks-on-taskmanagers.svg", "tasks-on-taskmanagers.png"),
            Plot::RecoveryPhases => ("recovery-phases.svg", "recovery-phases.png"),
            Plot::MessageSequence => ("message-sequence.svg", "message-sequence.png"),
        }
    }

    fn picture(self, outcome: &Outcome) -> Picture {
        match self {
            Plot::LatencyAndLag => latency::picture(outcome),
            Plot::TasksOnTaskManagers => lanes::picture(outcome),
            Plot::RecoveryPhases => waterfall::picture(outcome),
            Plot::MessageSequence => sequence::picture(outcome),
        }
    }
}

impl Format for Plot {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        let picture = self.picture(outcome);
        let (svg_name, png_name) = self.names();
        drawn([svg_name, png_name], &picture).into()
    }
}

/// A picture as SVG and as PNG, under these names.
fn drawn([svg_name, png_name]: [&'static str; 2], picture: &Picture) -> [Artifact; 2] {
    [
        Artifact {
            name: svg_name,
            bytes: svg::bytes(picture),
        },
        Artifact {
            name: png_name,
            bytes: png::bytes(picture),
        },
    ]
}

#[cfg(test)]
mod tests;
