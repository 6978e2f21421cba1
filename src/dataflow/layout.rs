//! The execution graph of a job for one parallelism of each of its operators.

use petgraph::unionfind::UnionFind;

use super::job_graph::{Exchange, OperatorKind};
use super::key_groups::range_of_subtask;
use super::record::SplitId;
use super::routing::{Router, consumers};
use super::topology::{ChannelId, Edge, JobId, SubtaskId, Topology};

/// Which subtasks there are and how they are connected (`ExecutionGraph` with its `VertexParallelism`). Ids are those of the
/// [`Topology`], so that a subtask, a channel and a split keep theirs when the parallelism changes.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub job: JobId,
    /// By operator of the job.
    pub parallelism: Vec<u32>,
    /// The subtasks there are, in order.
    pub subtasks: Vec<SubtaskId>,
    pub sources: Vec<SubtaskId>,
    pub sinks: Vec<SubtaskId>,
    /// By subtask of the job, from its first: none where this layout does not have it.
    vertices: Vec<Option<Vertex>>,
    first: SubtaskId,
}

/// One subtask of a layout (`ExecutionVertex`).
#[derive(Clone, Debug)]
pub struct Vertex {
    /// In the order of the operator's inputs, then of the producers.
    pub inputs: Vec<ChannelId>,
    pub outputs: Vec<Output>,
    /// Inclusive; meaningful where the operator keeps keyed state.
    pub key_groups: (u32, u32),
    /// Subtasks of one region restart together (`PipelinedRegionComputeUtil`).
    pub region: u32,
    /// Of a source: what it reads where no checkpoint says otherwise.
    pub splits: Vec<SplitId>,
}

/// The channels of a subtask for one outgoing exchange.
#[derive(Clone, Debug)]
pub struct Output {
    pub router: Router,
    pub channels: Vec<ChannelId>,
}

impl Layout {
    /// `parallelism`: of each operator of the job, at least one and no more than its widest.
    pub fn new(topology: &Topology, job: JobId, parallelism: &[u32]) -> Layout {
        let info = &topology.jobs[job as usize];
        assert_eq!(parallelism.len(), info.operators.len());
        let first = info.subtasks[0];
        let mut layout = Layout {
            job,
            parallelism: parallelism.to_vec(),
            first,
            vertices: vec![None; info.subtasks.len()],
            ..Layout::default()
        };
        for (operator, width) in info.operators.iter().zip(parallelism) {
            let operator = &topology.operators[*operator as usize];
            assert!((1..=operator.widest).contains(width), "a possible width");
            let subtasks = operator.first..operator.first + width;
            for (index, subtask) in subtasks.clone().enumerate() {
                let index = index as u32;
                let splits = match operator.spec.kind {
                    OperatorKind::Source { topic } => topology.first_splits(topic, index, *width),
                    _ => Vec::new(),
                };
                layout.vertices[(subtask - first) as usize] = Some(Vertex {
                    inputs: Vec::new(),
                    outputs: Vec::new(),
                    key_groups: range_of_subtask(index, *width, operator.max_parallelism),
                    region: 0,
                    splits,
                });
            }
            match &operator.spec.kind {
                OperatorKind::Source { .. } => layout.sources.extend(subtasks.clone()),
                OperatorKind::Sink { .. } => layout.sinks.extend(subtasks.clone()),
                OperatorKind::Transform { .. } => {}
            }
            layout.subtasks.extend(subtasks);
        }
        for edge in &topology.edges {
            if topology.operators[edge.producer as usize].job == job {
                layout.connect(edge, topology);
            }
        }
        layout.find_regions(topology);
        layout
    }

    fn connect(&mut self, edge: &Edge, topology: &Topology) {
        let base = topology.jobs[self.job as usize].operators[0];
        let [from, to] =
            [edge.producer, edge.consumer].map(|operator| &topology.operators[operator as usize]);
        let [p, q] = [edge.producer, edge.consumer]
            .map(|operator| self.parallelism[(operator - base) as usize]);
        // One table of key groups for all producers.
        let hash = (to
            .selector
            .clone()
            .filter(|_| edge.exchange == Exchange::Hash))
        .map(|selector| Router::hash(selector, q, to.max_parallelism));
        for index in 0..p {
            let targets = consumers(edge.exchange, index, p, q);
            let router = match &hash {
                Some(hash) => hash.clone(),
                None if targets.len() == 1 => Router::Single,
                None => Router::RoundRobin {
                    targets: targets.len() as u32,
                },
            };
            let mut channels = Vec::with_capacity(targets.len());
            for target in targets {
                let channel = topology.channel(edge, index, target);
                self.vertex_mut(to.first + target).inputs.push(channel);
                channels.push(channel);
            }
            let output = Output { router, channels };
            self.vertex_mut(from.first + index).outputs.push(output);
        }
    }

    /// Every exchange here is pipelined, so regions are the connected components of subtasks.
    fn find_regions(&mut self, topology: &Topology) {
        let mut components = UnionFind::<u32>::new(self.vertices.len());
        for vertex in self.vertices.iter().flatten() {
            for channel in &vertex.inputs {
                let channel = &topology.channels[*channel as usize];
                components.union(channel.producer - self.first, channel.consumer - self.first);
            }
        }
        for (at, vertex) in self.vertices.iter_mut().enumerate() {
            if let Some(vertex) = vertex {
                vertex.region = self.first + components.find(at as u32);
            }
        }
    }

    fn vertex_mut(&mut self, subtask: SubtaskId) -> &mut Vertex {
        self.vertices[(subtask - self.first) as usize]
            .as_mut()
            .expect("the subtask is in the layout")
    }

    /// A subtask of the layout.
    #[inline]
    pub fn vertex(&self, subtask: SubtaskId) -> &Vertex {
        self.get(subtask).expect("the subtask is in the layout")
    }

    /// None where the layout does not have the subtask.
    #[inline]
    pub fn get(&self, subtask: SubtaskId) -> Option<&Vertex> {
        let at = subtask.checked_sub(self.first)? as usize;
        self.vertices.get(at)?.as_ref()
    }

    /// How many subtasks the operator of a subtask has.
    pub fn width_of(&self, subtask: SubtaskId, topology: &Topology) -> u32 {
        let base = topology.jobs[self.job as usize].operators[0];
        self.parallelism[(topology.subtasks[subtask as usize].operator - base) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataflow::job_graph::{Input, Job};
    use crate::dataflow::samples;
    use crate::dataflow::sink::SinkSpec;
    use crate::dataflow::topology::{Elasticity, TopologyOptions};

    /// Six sources, a pointwise map of three, a keyed count of four, a forward sink of two.
    fn topology(elasticity: Elasticity) -> Topology {
        let topic = samples::topic("events", 6);
        let from = |operator, exchange| vec![Input { operator, exchange }];
        let inputs = [
            from(0, Exchange::Forward),
            from(1, Exchange::Hash),
            from(2, Exchange::Forward),
        ];
        let [map, count, sink] = inputs;
        let job = Job {
            name: "job".into(),
            operators: vec![
                samples::operator("source", 6, OperatorKind::Source { topic: 0 }),
                samples::operator("map", 3, OperatorKind::Transform { inputs: map }),
                samples::operator("count", 4, OperatorKind::Transform { inputs: count }),
                samples::operator(
                    "sink",
                    2,
                    OperatorKind::Sink {
                        inputs: sink,
                        spec: SinkSpec::default(),
                    },
                ),
            ],
            pins: Default::default(),
            event_time: None,
        };
        let options = TopologyOptions {
            elasticity,
            ..TopologyOptions::default()
        };
        Topology::new(&[topic], &[job], options, 1)
    }

    /// Whatever the parallelism, the layout is whole: channels join its own subtasks at both ends, in the same way.
    fn is_whole(layout: &Layout, topology: &Topology) {
        let mut into = Vec::new();
        for subtask in &layout.subtasks {
            for channel in &layout.vertex(*subtask).inputs {
                assert_eq!(topology.channels[*channel as usize].consumer, *subtask);
                into.push(*channel);
            }
        }
        let mut out = Vec::new();
        for subtask in &layout.subtasks {
            for output in &layout.vertex(*subtask).outputs {
                for channel in &output.channels {
                    let ends = &topology.channels[*channel as usize];
                    assert_eq!(ends.producer, *subtask);
                    assert!(layout.get(ends.consumer).is_some());
                    out.push(*channel);
                }
                if let Router::Hash(keys) = &output.router {
                    let consumers = output.channels.iter().map(|channel| {
                        layout.vertex(topology.channels[*channel as usize].consumer)
                    });
                    for (target, consumer) in consumers.enumerate() {
                        let (first, last) = consumer.key_groups;
                        assert!(
                            (first..=last)
                                .all(|g| usize::from(keys.target_of_group[g as usize]) == target)
                        );
                    }
                }
            }
        }
        into.sort_unstable();
        out.sort_unstable();
        assert_eq!(into, out);
        let sources = layout.sources.iter();
        let mut splits: Vec<_> = sources
            .flat_map(|source| layout.vertex(*source).splits.clone())
            .collect();
        splits.sort_unstable();
        assert_eq!(splits, topology.jobs[0].splits);
    }

    #[test]
    fn every_parallelism_that_slots_allow_has_a_whole_layout() {
        let reactive = Elasticity::Reactive { slots: 9 };
        for (elasticity, most) in [(Elasticity::Shrinks, 6), (reactive, 9)] {
            let topology = topology(elasticity);
            let widest: Vec<u32> = topology.operators.iter().map(|o| o.widest).collect();
            for slots in 1..=most {
                let parallelism: Vec<u32> = widest.iter().map(|w| slots.min(*w)).collect();
                let layout = Layout::new(&topology, 0, &parallelism);
                assert_eq!(
                    layout.subtasks.len() as u32,
                    parallelism.iter().sum::<u32>()
                );
                is_whole(&layout, &topology);
            }
        }
    }

    #[test]
    fn a_job_that_is_not_elastic_has_the_channels_of_its_one_layout() {
        let topology = topology(Elasticity::Fixed);
        let layout = &topology.jobs[0].layout;
        is_whole(layout, &topology);
        assert_eq!(layout.parallelism, [6, 3, 4, 2]);
        assert_eq!(topology.channels.len(), 6 + 3 * 4 + 4);
        assert_eq!(topology.subtasks.len(), layout.subtasks.len());
    }

    #[test]
    fn reactive_jobs_become_as_wide_as_there_are_slots() {
        let wide = topology(Elasticity::Reactive { slots: 9 });
        assert!(wide.operators.iter().all(|operator| operator.widest == 9));
        assert_eq!(wide.jobs[0].layout.parallelism, [9; 4]);
        let narrow = topology(Elasticity::Reactive { slots: 2 });
        assert_eq!(narrow.jobs[0].layout.parallelism, [2; 4]);
    }

    #[test]
    fn who_is_not_in_the_layout_is_not_found() {
        let topology = topology(Elasticity::Shrinks);
        let layout = Layout::new(&topology, 0, &[2, 2, 2, 2]);
        assert!(layout.get(1).is_some() && layout.get(2).is_none());
        assert_eq!(layout.width_of(5, &topology), 2);
        assert_eq!(layout.sinks, [13, 14]);
    }
}
