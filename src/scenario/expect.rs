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
    /// Of many seeds this quantile, in thousandths, as in `p99(total)`; 1000 is the maximum. A single run stands for itself.
    pub over_seeds: Option<u32>,
    pub quantity: Quantity,
    pub comparison: Comparison,
    /// Milliseconds for durations, plain numbers for counts, parts of one for shares.
    pub value: f64,
}

impl Expectation {
    /// Reads one statement, as a scenario has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Expectation, String> {
        super::expectation::parse(text)
    }

    /// Whether it speaks of many seeds together.
    pub fn is_over_seeds(&self) -> bool {
        self.clauses
            .iter()
            .any(|clause| clause.over_seeds.is_some())
    }
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
    Overwritten,
    Withheld,
    FailedCommits,
    Rebalances,
    CheckpointsCompleted,
    CheckpointsFailed,
    LatencyP99,
    LatencyMax,
    VisibilityP99,
    VisibilityMax,
    /// How far event time was behind at the sinks at the most.
    WatermarkLagMax,
    /// The longest that it stood still.
    EventTimeStall,
    LateRecords,
    Violations,
    /// Share of the records after the first fault that came out late.
    Delayed,
    /// Share of the time in which a checkpoint was under way.
    CheckpointOverhead,
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
