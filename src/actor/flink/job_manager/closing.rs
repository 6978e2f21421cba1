//! What a JobMaster that is stopped asks of ZooKeeper: its checkpoint store lets go of its locks, and until ZooKeeper has
//! answered, the Dispatcher has not stopped (`ZooKeeperStateHandleStore.releaseAll`).
//!
//! Such a request blocks. Without a connection it first waits for one, for the connection timeout at most
//! (`CuratorZookeeperClient.internalBlockUntilConnectedOrTimedOut`); then it is made all the same, fails with the next attempt to
//! connect, and is made again after Curator's pause, even where a connection comes in the meantime (`RetryLoop`).

use crate::actor::context::{Alarm, Context};
use crate::actor::message::Timer;
use crate::actor::settings::HighAvailability;
use crate::actor::zookeeper::client::RetryPolicy;
use crate::kernel::{SmallStream, Span};

use super::JobManagerTimer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Over,
    /// For a connection.
    Waiting,
    Asking,
    /// Before it asks again.
    Pausing,
}

#[derive(Clone, Debug)]
pub struct Closing {
    stage: Stage,
    retries: u32,
    alarm: Alarm,
    connection_timeout: Span,
    policy: RetryPolicy,
}

impl Closing {
    pub fn new(ha: &HighAvailability) -> Closing {
        Closing {
            stage: Stage::Over,
            retries: 0,
            alarm: Alarm::new(Timer::JobManager(JobManagerTimer::Closing)),
            connection_timeout: ha.connection_timeout,
            policy: ha.retries(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// There is no connection.
    pub fn begin(&mut self, ctx: &mut Context<'_>) {
        self.stage = Stage::Waiting;
        self.retries = 0;
        self.alarm.set(self.connection_timeout, ctx);
    }

    pub fn on_connected(&mut self, ctx: &mut Context<'_>) {
        if matches!(self.stage, Stage::Waiting | Stage::Asking) {
            self.stage = Stage::Over;
            self.alarm.cancel(ctx);
        }
    }

    /// A connection could not be made. Whoever has tried often enough stops without an answer.
    pub fn on_not_connected(&mut self, random: &mut SmallStream, ctx: &mut Context<'_>) {
        if self.stage != Stage::Asking {
            return;
        }
        if self.retries < self.policy.attempts_max {
            self.stage = Stage::Pausing;
            self.alarm.set(self.policy.wait(self.retries, random), ctx);
            self.retries += 1;
        } else {
            self.stage = Stage::Over;
        }
    }

    pub fn on_timer(&mut self, connected: bool) {
        self.stage = if connected {
            Stage::Over
        } else {
            Stage::Asking
        };
    }
}
