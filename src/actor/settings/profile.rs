//! What the environment contributes to a recovery, apart from settings: distributions, from a named file.

use crate::actor::blueprint::Directory;
use crate::kernel::{ActorId, Distribution};

use super::{Config, StateBackend};

/// Each field says between which two observable points it lies. *CPU work* is time on one whole core at ordinary
/// speed; it stretches where cores are shared or taken away. Everything else passes as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: String,
    /// Speed of every host's CPU during a run, in thousandths; drawn once: neighbours that take CPU away.
    pub host_speed_per_mille: Distribution<u64>,
    /// From the start of a process to its first message.
    pub process_startup: ProcessStartup,
    /// From SIGKILL until the operating system closes the process's sockets, so that peers see a reset.
    pub process_teardown: Distribution,
    /// From the arrival of a reset, a refusal or SIGTERM until the process's code acts on it.
    pub connection_notice: Distribution,
    /// An endpoint's main thread is busy for so long with one message.
    pub rpc_handling: Distribution,
    /// The same for a heartbeat, which carries a report of all slots and attempts.
    pub heartbeat_handling: Distribution,
    /// A new leader: from leadership granted until Dispatcher and ResourceManager run and can be announced.
    pub leader_services_startup: Distribution,
    /// On top of it in a process that has not led before: classes are loaded, code is not compiled yet.
    pub first_leader_services_startup: Distribution,
    /// From a cluster that is up until a client submits the job: long against heartbeats, so that the phases of the job's
    /// timers and the cluster's are independent.
    pub job_submission: Distribution,
    /// A new leader, beside reading from ZooKeeper and storage: the Dispatcher rebuilds an execution plan.
    pub job_recovery: Distribution,
    /// Beside reading from ZooKeeper and storage: a JobMaster and its execution graph are made.
    pub jobmaster_startup: Distribution,
    /// On top of it for the first JobMaster of a process.
    pub first_jobmaster_startup: Distribution,
    /// The first JobMaster of a process deploys for the first time: its main thread is busy for so long.
    pub first_jobmaster_deployment: Distribution,
    /// From `requestSlot` at the TaskManager until the slot is offered to the JobMaster.
    pub slot_allocation: Distribution,
    /// From the registration at a new JobMaster until the slots that were held for the job are offered to it.
    pub slot_offer: Distribution,
    /// A JobMaster's main thread is busy for so long with each task that a failover takes in: the task fails or is
    /// cancelled, both are logged, its slot is free.
    pub failover_handling: Distribution,
    /// From the end of a restart's delay until its tasks are SCHEDULED: a timer's thread wakes up and calls the main thread,
    /// which makes executions anew and gives them their state.
    pub restart_handling: Distribution,
    /// So late does the timer of a periodic checkpoint fire, the next one on time all the same: its thread wakes up.
    pub checkpoint_trigger: Distribution,
    /// From the last slot until the first `submitTask`: deployment descriptors are made.
    pub scheduling: Distribution,
    /// From `submitTask` at the TaskManager until the task starts to restore, beside what takes CPU.
    pub task_deployment: Distribution,
    /// CPU work of a deployment, in a process that has run tasks of the job before.
    pub task_deployment_cpu: Distribution,
    /// CPU work on top of it in a process that has not: classes are loaded, code is not compiled yet.
    pub first_task_deployment_cpu: Distribution,
    /// From INITIALIZING to RUNNING, beside reading state: operators are opened.
    pub task_initialization: Distribution,
    /// CPU work of it.
    pub task_initialization_cpu: Distribution,
    /// CPU work on top of it, for the first task of an operator in this process: its classes are loaded.
    pub first_task_initialization_cpu: Distribution,
    /// From an exception in a task until its resources are freed and it can be reported FAILED.
    pub task_failure: Distribution,
    /// From `cancelTask` at the TaskManager until the task's resources are freed.
    pub task_cancellation: Distribution,
    /// What one task reads and rebuilds at the most while it restores, in bytes per second.
    pub restore_read_bytes_per_s: Distribution<u64>,
    /// The same where the state goes key by key into RocksDB: out of a full snapshot.
    pub restore_rocksdb_bytes_per_s: Distribution<u64>,
    /// What one task writes at the most while it takes a snapshot, in bytes per second.
    pub checkpoint_write_bytes_per_s: Distribution<u64>,
    /// CPU work of the asynchronous part of a task's snapshot, however small it is.
    pub checkpoint_cpu: Distribution,
    /// Bytes of a snapshot that one core serializes per second, in the asynchronous part.
    pub checkpoint_serialize_bytes_per_s: Distribution<u64>,
    /// The part of a task's snapshot during which it handles no records.
    pub checkpoint_sync: Distribution,
    /// Between a checkpoint's metadata in storage and its pointer on the way to ZooKeeper.
    pub checkpoint_finalization: Distribution,
    /// Building the restart plan in the leader (the story's).
    pub planning: Distribution,
}

/// By role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStartup {
    pub jobmanager: Distribution,
    pub taskmanager: Distribution,
    pub zookeeper: Distribution,
}

impl ProcessStartup {
    pub fn of(&self, process: ActorId, directory: &Directory) -> Distribution {
        if directory.taskmanagers.contains(&process) {
            self.taskmanager
        } else if directory.zookeeper.contains(&process) {
            self.zookeeper
        } else {
            self.jobmanager
        }
    }
}

impl Profile {
    /// What a task's restore waits for, by the key that says it.
    pub fn restore_rate(&self, config: &Config) -> (&'static str, Distribution<u64>) {
        let incremental = config.checkpointing.incremental;
        match config.state_backend {
            // Files of an incremental snapshot are opened as they are.
            StateBackend::RocksDb if !incremental => {
                ("restore-rocksdb", self.restore_rocksdb_bytes_per_s)
            }
            _ => ("restore-read", self.restore_read_bytes_per_s),
        }
    }

    /// An environment that takes the same time over everything, at full speed.
    pub fn constant(name: &str, takes: Distribution) -> Profile {
        let all = Distribution::constant(u64::MAX);
        Profile {
            name: name.to_owned(),
            host_speed_per_mille: Distribution::constant(1_000),
            process_startup: ProcessStartup {
                jobmanager: takes,
                taskmanager: takes,
                zookeeper: takes,
            },
            process_teardown: takes,
            connection_notice: takes,
            rpc_handling: takes,
            heartbeat_handling: takes,
            leader_services_startup: takes,
            first_leader_services_startup: takes,
            job_submission: takes,
            job_recovery: takes,
            jobmaster_startup: takes,
            first_jobmaster_startup: takes,
            first_jobmaster_deployment: takes,
            slot_allocation: takes,
            slot_offer: takes,
            failover_handling: takes,
            restart_handling: takes,
            checkpoint_trigger: takes,
            scheduling: takes,
            task_deployment: takes,
            task_deployment_cpu: takes,
            first_task_deployment_cpu: takes,
            first_task_initialization_cpu: takes,
            task_initialization: takes,
            task_initialization_cpu: takes,
            task_failure: takes,
            task_cancellation: takes,
            restore_read_bytes_per_s: all,
            restore_rocksdb_bytes_per_s: all,
            checkpoint_write_bytes_per_s: all,
            checkpoint_cpu: takes,
            checkpoint_serialize_bytes_per_s: all,
            checkpoint_sync: takes,
            checkpoint_finalization: takes,
            planning: takes,
        }
    }
}
