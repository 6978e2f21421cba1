//! What a scenario may name, one line each.

/// Names and what they stand for.
pub type Names = Vec<(&'static str, &'static str)>;

/// Bundles of defaults for the switches.
pub fn models() -> Names {
    vec![
        (
            "story",
            "ZooKeeper watches every TaskManager; only the failed tasks restart, one by one, where resources are left",
        ),
        (
            "flink-default",
            "Flink with the default scheduler: heartbeats and broken connections; regions restart in slots",
        ),
        (
            "flink-adaptive",
            "Flink with the adaptive scheduler: the whole job restarts, with as many slots as there are",
        ),
        (
            "flink-reactive",
            "Flink with the adaptive scheduler in reactive mode: the job uses every slot",
        ),
    ]
}

/// Values of the switches, as `switch=value`.
pub fn policies() -> Names {
    vec![
        (
            "liveness=zk-ephemeral",
            "an ephemeral znode per TaskManager, watched by the leader",
        ),
        (
            "liveness=rpc-heartbeats",
            "Flink's: heartbeats between the endpoints, and broken connections of the data plane",
        ),
        (
            "scheduler=default",
            "Flink's: the parallelism that the job asks for, or no job",
        ),
        (
            "scheduler=adaptive",
            "Flink's: as much of that parallelism as there are slots for",
        ),
        (
            "scheduler=reactive",
            "Flink's adaptive scheduler, with every slot that there is",
        ),
        (
            "recovery.scope=per-task",
            "the failed tasks alone, with replay from in-flight logs and deduplication downstream",
        ),
        (
            "recovery.scope=per-task-naive",
            "the failed tasks alone, without either: unsafe, to see how it breaks",
        ),
        (
            "recovery.scope=region",
            "the pipelined region of each failed task",
        ),
        ("recovery.scope=full", "the whole job"),
        (
            "placement.policy=least-loaded",
            "the TaskManager with the most CPU and network left for what the task needs",
        ),
        ("placement.policy=round-robin", "TaskManagers in turn"),
        (
            "placement.policy=spread",
            "the TaskManager with the fewest tasks: the next failure takes as few as possible",
        ),
        (
            "placement.policy=pack",
            "the TaskManager with the most tasks that still has what the task needs",
        ),
        (
            "placement.policy=locality",
            "the TaskManager with the most of the tasks that the task exchanges records with",
        ),
        (
            "placement.policy=load-aware",
            "the TaskManager with the most CPU left by what its tasks were seen to use",
        ),
        (
            "placement.policy=random",
            "any TaskManager: what others have to be better than",
        ),
        ("placement.slots=bind", "one task per slot at the most"),
        (
            "placement.slots=ignore",
            "slots are only counted; resources decide",
        ),
        ("rebalancing=off", "running tasks stay where they are"),
        (
            "rebalancing=on-pressure",
            "a task that is late on an overloaded machine moves, behind a checkpoint",
        ),
    ]
}

/// Kinds of fault.
pub fn faults() -> Names {
    vec![
        (
            "kill",
            "SIGKILL; with `restart-after` the process starts again that long after",
        ),
        (
            "stop",
            "SIGTERM, an orderly shutdown; with `restart-after` the process starts again that long after its end",
        ),
        ("restart", "starts a process that was killed"),
        (
            "start",
            "starts a process that is not running: a dead one, or a spare",
        ),
        (
            "replace",
            "starts a spare in the place of a TaskManager that is gone",
        ),
        ("hang", "SIGSTOP, for a while or until `resume`"),
        ("resume", "SIGCONT"),
        (
            "power-off",
            "a machine goes dark: silence instead of resets; with `restart-after` it is back that long after",
        ),
        ("cut-off", "no packet in or out for a while"),
        (
            "drop-checkpoint",
            "somebody deletes the pointer to a job's newest checkpoint in ZooKeeper by hand",
        ),
        (
            "add-partitions",
            "a topic gets `count` more partitions; sources find them at the next discovery",
        ),
        (
            "silence",
            "producers write nothing to a `partition` of a topic, for a while or to the end",
        ),
        (
            "cut",
            "no packet between two groups, one way or both, for a while",
        ),
        (
            "slow-link",
            "more latency, or less bandwidth, between two groups",
        ),
        (
            "lossy-link",
            "a share of the packets between two groups is lost",
        ),
        (
            "reset-connections",
            "connections between two groups are reset once, though nobody is gone; what is on its way is lost",
        ),
        ("slow", "less CPU, by a factor, for a while or to the end"),
        (
            "take-cpu",
            "so many cores of a machine go to other work, for a while or to the end",
        ),
        ("expire-session", "ZooKeeper ends the session of a process"),
        (
            "slow-storage",
            "checkpoint storage is slower, by a factor, for a while or to the end",
        ),
        (
            "fail-storage",
            "checkpoint storage answers with errors, for a while or to the end",
        ),
        (
            "lose-storage",
            "checkpoint storage does not answer for a while",
        ),
        (
            "lose-notifications",
            "word that a checkpoint has completed does not reach a TaskManager, or any, for a while or to the end",
        ),
        (
            "delay-notifications",
            "it comes late, `by` so long: behind later ones too",
        ),
        ("double-notifications", "it comes twice"),
        ("throw", "the user's code throws an exception in one task"),
        (
            "stuck-cancel",
            "a task does not react to being cancelled, for a while or ever (Flink's models)",
        ),
        (
            "rolling-restart",
            "all TaskManagers, one after the other: stopped in order and started again",
        ),
    ]
}
