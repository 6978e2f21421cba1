//! What the layout of jobs promises.

use super::*;
use crate::dataflow::job_graph::Input;
use crate::dataflow::samples;
use crate::dataflow::sink::SinkSpec;

fn topology(exchange: Exchange) -> Topology {
    let topic = samples::topic("t", 4);
    let input = |operator| vec![Input { operator, exchange }];
    let operators = vec![
        samples::operator("source", 4, OperatorKind::Source { topic: 0 }),
        samples::operator("map", 4, OperatorKind::Transform { inputs: input(0) }),
        samples::operator(
            "sink",
            4,
            OperatorKind::Sink {
                inputs: input(1),
                spec: SinkSpec::default(),
            },
        ),
    ];
    let job = Job {
        name: "job".into(),
        operators,
        pins: Default::default(),
        event_time: None,
    };
    Topology::new(&[topic], &[job], TopologyOptions::default(), 1)
}

#[test]
fn a_shuffle_makes_one_region_and_pipelines_without_one_are_their_own() {
    let regions = |exchange| {
        let layout = &topology(exchange).jobs[0].layout;
        let subtasks = layout.subtasks.iter();
        let mut regions: Vec<u32> = subtasks.map(|s| layout.vertex(*s).region).collect();
        regions.sort_unstable();
        regions.dedup();
        regions.len()
    };
    assert_eq!(regions(Exchange::Forward), 4);
    assert_eq!(regions(Exchange::Rebalance), 1);
    assert_eq!(regions(Exchange::Hash), 1);
}

#[test]
fn every_partition_has_one_reader() {
    let topology = topology(Exchange::Hash);
    let layout = &topology.jobs[0].layout;
    let sources = layout.sources.iter();
    let mut splits: Vec<SplitId> = sources
        .flat_map(|s| layout.vertex(*s).splits.clone())
        .collect();
    splits.sort_unstable();
    assert_eq!(splits, [0, 1, 2, 3]);
    assert_eq!(topology.task_name(5), "map (2/4)");
    assert_eq!(topology.rate_of(5), 100.0);
}
