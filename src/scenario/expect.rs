//! `expect`: statements that make a scenario a test.

/// One statement of the scenario, as `total < 60 s` or `lost == 0 and duplicated == 0`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As the scenario has it.
    pub text: String,
    /// All must hold.
    pub clauses: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    pub quantity: Quantity,
    pub comparison: Comparison,
    /// Milliseconds for durations, plain numbers for counts.
    pub value: f64,
}

/// What a clause may speak of. Phases and totals hold for each recovery of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    Detection,
    Leadership,
    Cancellation,
    Backoff,
    Resources,
    Deployment,
    Restore,
    FirstOutput,
    CatchUp,
    Total,
    RestartedTasks,
    Restarts,
    FailedJobs,
    ReplayedRecords,
    Recoveries,
    Lost,
    Duplicated,
    Rebalances,
    CheckpointsCompleted,
    CheckpointsFailed,
    LatencyP99,
    LatencyMax,
    Violations,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}
