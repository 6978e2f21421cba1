//! Flink's own control plane: the JobManager process with Dispatcher, ResourceManager and JobMasters, and the
//! TaskExecutor. Endpoints talk by RPC alone; tasks and their data plane are those of `actor::task_manager`.

pub mod job_manager;
pub mod job_master;
pub mod leader_paths;
pub mod office;
pub mod resource_manager;
pub mod rpc;
pub mod task_executor;
