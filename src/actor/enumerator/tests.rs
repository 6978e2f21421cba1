use super::*;
use crate::dataflow::job_graph::{Exchange, Input, Job, OperatorKind};
use crate::dataflow::samples;
use crate::dataflow::split_owner::SplitOwner;
use crate::dataflow::topology::TopologyOptions;

/// Two sources of a topic that grows from four partitions to seven.
fn topology() -> Topology {
    let topic = samples::topic("orders", 4);
    let inputs = vec![Input {
        operator: 0,
        exchange: Exchange::Hash,
    }];
    let job = Job {
        name: "job".into(),
        operators: vec![
            samples::operator("source", 2, OperatorKind::Source { topic: 0 }),
            samples::operator("count", 2, OperatorKind::Transform { inputs }),
        ],
        pins: Default::default(),
        event_time: None,
    };
    let options = TopologyOptions {
        split_owner: SplitOwner::KafkaSource,
        ..TopologyOptions::default()
    };
    Topology::growing(&[topic], &[3], &[job], options, 1)
}

fn enumerator(topology: &Topology) -> SplitEnumerator {
    let timer = |operator| Timer::PartitionDiscovery { job: 0, operator };
    let mut all = SplitEnumerator::all(0, topology, Some(Span::from_secs(30)), timer);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What its readers are given, the first one's and the second one's.
fn give(enumerator: &mut SplitEnumerator, topology: &Topology) -> [Vec<SplitId>; 2] {
    [0, 1].map(|reader| enumerator.assign(reader, 2, topology))
}

#[test]
fn a_topic_that_grows_begins_with_the_partitions_that_it_has() {
    let topology = topology();
    assert!(topology.grows(0) && topology.splits.len() == 7);
    let layout = &topology.jobs[0].layout;
    let mut first: Vec<SplitId> = (0..2)
        .flat_map(|source| layout.vertex(source).splits.clone())
        .collect();
    first.sort_unstable();
    assert_eq!(first, [0, 1, 2, 3]);
    assert_eq!(topology.split(0, 6), Some(6));
    assert_eq!(topology.split(0, 7), None);
    assert!(topology.is_initial(3) && !topology.is_initial(4));
}

/// Owners as the connector computes them for all partitions of the topic, the first ones and the later ones.
#[test]
fn new_splits_go_to_their_owners_once() {
    let topology = topology();
    let mut enumerator = enumerator(&topology);
    assert!(enumerator.is_settled());
    enumerator.discover(5, &topology);
    enumerator.discover(7, &topology);
    assert!(enumerator.discover(7, &topology).is_empty());
    let owner = |split| topology.owner_of(split, 2) as usize;
    let mut expected = [Vec::new(), Vec::new()];
    for split in 4..7 {
        expected[owner(split)].push(split);
    }
    assert_eq!(give(&mut enumerator, &topology), expected);
    assert!(give(&mut enumerator, &topology).concat().is_empty());
}

#[test]
fn a_reader_that_goes_back_is_given_again_what_its_checkpoint_does_not_have() {
    let topology = topology();
    let mut enumerator = enumerator(&topology);
    enumerator.discover(5, &topology);
    let early = give(&mut enumerator, &topology);
    let state = enumerator.take(8, &[0, 1]);
    assert_eq!(state.assigned, [0, 1, 2, 3, 4]);
    for reader in [0, 1] {
        enumerator.reader_acknowledges(reader, 8);
    }
    enumerator.discover(7, &topology);
    let late = give(&mut enumerator, &topology);
    // Checkpoint 8 has the first one.
    let mut restarted = enumerator.clone();
    restarted.checkpoint_complete(8);
    (0..2).for_each(|reader| restarted.reset_reader(reader, 8));
    assert_eq!(give(&mut restarted, &topology), late);
    // Without it everything is given again.
    (0..2).for_each(|reader| enumerator.reset_reader(reader, 0));
    let again = give(&mut enumerator, &topology);
    for reader in 0..2 {
        let mut all = [early[reader].clone(), late[reader].clone()].concat();
        all.sort_unstable();
        assert_eq!(again[reader], all);
    }
    // A new coordinator knows what the checkpoint has.
    enumerator.reset(&[state], &topology);
    assert_eq!(enumerator.discover(7, &topology), [5, 6]);
    enumerator.reset(&[], &topology);
    assert_eq!(enumerator.discover(7, &topology), [4, 5, 6]);
}

#[test]
fn readers_are_told_nothing_between_the_coordinators_snapshot_and_their_own() {
    let topology = topology();
    let mut enumerator = enumerator(&topology);
    let state = enumerator.take(3, &[0, 1]);
    assert_eq!((state.assigned.len(), state.unassigned.len()), (4, 0));
    enumerator.discover(7, &topology);
    assert!(give(&mut enumerator, &topology).concat().is_empty());
    enumerator.reader_acknowledges(0, 3);
    let [first, second] = give(&mut enumerator, &topology);
    assert!(!first.is_empty() && second.is_empty());
    // It comes to nothing: nobody waits for it any more.
    enumerator.checkpoint_aborted(3);
    let [first, second] = give(&mut enumerator, &topology);
    assert!(first.is_empty() && !second.is_empty());
}
