//! Tells the world outside of failures and recoveries, until it has heard. What has to be told stands in ZooKeeper until
//! then: a successor reads it back and tells it again (at least once).

use std::collections::BTreeMap;

use crate::actor::blueprint::Blueprint;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::{Detector, Fact};
use crate::actor::message::{Body, FencingToken, Timer};
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Data, Op, ZkError};
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Span};
use crate::policy::defect::Defect;

use super::office::{Ask, Desk};

/// How long an answer is waited for.
const RETRY_AFTER: Span = Span::from_secs(2);

/// Where notifications stand that nobody has confirmed.
const PATH: &str = "/notifications";

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    TaskManagerLost {
        taskmanager: ActorId,
        detector: Detector,
    },
    RunsAgain {
        job: JobId,
        tasks: u32,
    },
}

/// Detectors by which TaskManagers are found lost.
const DETECTORS: [Detector; 2] = [Detector::ZookeeperSession, Detector::Reregistration];
const RUNS_AGAIN: u32 = DETECTORS.len() as u32;

impl Notice {
    fn text(self, blueprint: &Blueprint) -> String {
        match self {
            Notice::TaskManagerLost {
                taskmanager,
                detector,
            } => {
                let name = blueprint.directory.name(taskmanager);
                format!("TaskManager {name} is lost ({})", detector.name())
            }
            Notice::RunsAgain { job, tasks } => {
                let name = &blueprint.topology.jobs[job as usize].name;
                format!("job {name} runs again: {tasks} tasks restarted")
            }
        }
    }

    fn data(self) -> Data {
        let words = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        match self {
            Notice::TaskManagerLost {
                taskmanager,
                detector,
            } => {
                let found = DETECTORS.iter().position(|known| *known == detector);
                let number = found.expect("TaskManagers are found lost by these");
                [words(number as u32, taskmanager.0), 0]
            }
            Notice::RunsAgain { job, tasks } => [words(RUNS_AGAIN, job), u64::from(tasks)],
        }
    }

    fn from_data(data: Data) -> Notice {
        let (kind, subject) = ((data[0] >> 32) as u32, data[0] as u32);
        match DETECTORS.get(kind as usize) {
            Some(detector) => Notice::TaskManagerLost {
                taskmanager: ActorId(subject),
                detector: *detector,
            },
            None => Notice::RunsAgain {
                job: subject,
                tasks: data[1] as u32,
            },
        }
    }
}

#[derive(Clone, Debug)]
pub struct Notifier {
    next: u64,
    /// Not confirmed, by id.
    open: BTreeMap<u64, Open>,
    retry: Alarm,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    notice: Notice,
    /// How often it was sent.
    attempts: u32,
}

fn path(id: u64) -> String {
    format!("{PATH}/{id}")
}

impl Notifier {
    pub fn new(token: FencingToken) -> Notifier {
        // Ids of different leaders differ.
        Notifier {
            next: token << 20,
            open: BTreeMap::new(),
            retry: Alarm::new(Timer::Notify),
        }
    }

    /// Reads back what predecessors had to tell and nobody has confirmed.
    pub fn start(&self, desk: &mut Desk, ctx: &mut Context<'_>) {
        let op = Op::GetChildren {
            path: PATH.to_owned(),
            watch: false,
        };
        desk.ask(op, Ask::Notifications, ctx);
    }

    pub fn on_listed(
        &self,
        result: Result<Answer, ZkError>,
        desk: &mut Desk,
        ctx: &mut Context<'_>,
    ) {
        let Ok(Answer::Children { names }) = result else {
            return;
        };
        for id in names.iter().filter_map(|name| name.parse().ok()) {
            if !self.open.contains_key(&id) {
                let op = Op::GetData {
                    path: path(id),
                    watch: false,
                };
                desk.ask(op, Ask::Notification(id), ctx);
            }
        }
    }

    /// A predecessor's notification: it may have been heard already.
    pub fn on_read(
        &mut self,
        id: u64,
        result: Result<Answer, ZkError>,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        if let Ok(Answer::Data { data, .. }) = result {
            let notice = Notice::from_data(data);
            self.open.insert(
                id,
                Open {
                    notice,
                    attempts: 1,
                },
            );
            self.send(id, blueprint, ctx);
        }
    }

    /// It is in ZooKeeper: whoever leads will see to it.
    pub fn on_stored(id: u64, result: &Result<Answer, ZkError>, ctx: &mut Context<'_>) {
        if result.is_ok() {
            ctx.state(Fact::NotificationStored { id });
        }
    }

    pub fn notify(
        &mut self,
        notice: Notice,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        self.next += 1;
        let (id, attempts) = (self.next, 0);
        self.open.insert(id, Open { notice, attempts });
        let op = Op::Create {
            path: path(id),
            data: notice.data(),
            mode: CreateMode::Persistent,
        };
        desk.ask(op, Ask::StoreNotification(id), ctx);
        self.send(id, blueprint, ctx);
    }

    fn send(&mut self, id: u64, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        open.attempts += 1;
        let (attempt, text) = (open.attempts, open.notice.text(blueprint));
        ctx.state(Fact::NotificationSent {
            id,
            attempt,
            text: text.clone(),
        });
        ctx.send(blueprint.directory.receiver, Body::Notify { id, text });
        self.retry.set(RETRY_AFTER, ctx);
    }

    pub fn on_received(&mut self, id: u64, desk: &mut Desk, ctx: &mut Context<'_>) {
        if self.open.remove(&id).is_some() {
            desk.ask(Op::Delete { path: path(id) }, Ask::Cleanup, ctx);
        }
        if self.open.is_empty() {
            self.retry.cancel(ctx);
        }
    }

    pub fn retry(&mut self, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        if blueprint.defects.has(Defect::NotificationNotRetried) {
            return;
        }
        let open: Vec<u64> = self.open.keys().copied().collect();
        for id in open {
            self.send(id, blueprint, ctx);
        }
    }

    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        self.open.clear();
        self.retry.release(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_what_was_to_be_told() {
        let lost = |detector| Notice::TaskManagerLost {
            taskmanager: ActorId(u32::MAX),
            detector,
        };
        let again = |job, tasks| Notice::RunsAgain { job, tasks };
        for notice in DETECTORS
            .map(lost)
            .into_iter()
            .chain([again(0, u32::MAX), again(7, 0)])
        {
            assert_eq!(Notice::from_data(notice.data()), notice);
        }
    }
}
