//! Flink's own control plane: the JobManager process with Dispatcher, ResourceManager and JobMasters. Endpoints talk by
//! RPC alone; the TaskExecutor is part of `actor::task_manager`, beside tasks and their data plane.

pub mod job_manager;
pub mod job_master;
pub mod leader_paths;
pub mod office;
pub mod resource_manager;
pub mod rpc;
