//! How a leader makes itself known: an ephemeral node per component (`ZooKeeperUtils.writeLeaderInformationToZooKeeper`,
//! `DefaultLeaderElectionService`).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::leader_paths::{Component, encode};
use crate::actor::flink::office::{Office, ZkAsk};
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};

/// The components that are to be known under one token; nobody else's word about them stays.
#[derive(Clone, Debug)]
pub struct Publisher {
    token: FencingToken,
    /// True: it has been seen in place.
    components: BTreeMap<Component, bool>,
}

impl Publisher {
    pub fn new(token: FencingToken) -> Publisher {
        Publisher {
            token,
            components: BTreeMap::new(),
        }
    }

    /// The component is ready to be found.
    pub fn publish(
        &mut self,
        component: Component,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if let Entry::Vacant(place) = self.components.entry(component) {
            place.insert(false);
            self.look(component, office, ctx);
        }
    }

    /// Looks what stands there, and goes on looking.
    fn look(&self, component: Component, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let path = component.path();
        self.ask(component, Op::GetData { path, watch: true }, office, ctx);
    }

    fn ask(&self, component: Component, op: Op, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let ask = ZkAsk::Publish(component, self.token);
        office.desk.ask(op, ask, ctx);
    }

    /// An answer to a request under this token. True: from now on the component's leader can be found.
    pub fn on_answer(
        &mut self,
        component: Component,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(known) = self.components.get_mut(&component) else {
            return false;
        };
        let ours = encode((office.me, self.token));
        let path = component.path();
        match result {
            Ok(Answer::Data { data, owner, .. }) => {
                let is_ours = owner == office.desk.client.session();
                if is_ours && data == ours {
                    return self.says_known(component, ctx);
                }
                // Of another session: deleted, and written once that is done.
                let op = match is_ours {
                    true => Op::SetData { path, data: ours },
                    false => Op::Delete { path },
                };
                *known = false;
                self.ask(component, op, office, ctx);
            }
            Err(ZkError::NoNode) => {
                *known = false;
                let op = Op::Create {
                    path,
                    data: ours,
                    mode: CreateMode::Ephemeral,
                };
                self.ask(component, op, office, ctx);
            }
            Ok(Answer::Created { .. }) => return self.says_known(component, ctx),
            Ok(Answer::Changed { .. }) | Err(ZkError::NodeExists) => {
                self.look(component, office, ctx)
            }
            Ok(Answer::Children { .. }) => unreachable!("nobody asks for children"),
            // The session's end has an event of its own.
            Err(ZkError::SessionExpired) => {}
        }
        false
    }

    fn says_known(&mut self, component: Component, ctx: &mut Context<'_>) -> bool {
        let was_known = self.components.insert(component, true);
        if was_known == Some(true) {
            return false;
        }
        let token = self.token;
        ctx.state(Fact::LeaderInformationWritten { component, token });
        true
    }

    /// A watch has fired, on this path or on all of them (a new connection): what has been altered is written again.
    pub fn on_watch(&self, path: Option<&str>, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        for component in self.components.keys() {
            if path.is_none_or(|path| path == component.path()) {
                self.look(*component, office, ctx);
            }
        }
    }

    /// The component is not there any more: nobody is to find it.
    pub fn withdraw(
        &mut self,
        component: Component,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.components.remove(&component).is_some() {
            let path = component.path();
            office.desk.ask(Op::Delete { path }, ZkAsk::Cleanup, ctx);
        }
    }

    /// Leadership is over: whatever was written is to go. How many answers are to come.
    pub fn withdraw_all(self, office: &mut Office<'_>, ctx: &mut Context<'_>) -> u32 {
        for component in self.components.keys() {
            let path = component.path();
            office.desk.ask(Op::Delete { path }, ZkAsk::Withdraw, ctx);
        }
        self.components.len() as u32
    }
}
