//! What a server keeps for the clients that are connected to it: their connections, their watches.

use std::collections::BTreeSet;

use crate::actor::context::Context;
use crate::kernel::{ActorId, Span};

use super::protocol::{SessionId, ZkMessage};
use super::server::Server;
use super::tree::{Touched, parent};

impl Server {
    pub(super) fn accept(
        &mut self,
        client: ActorId,
        session: SessionId,
        timeout: Span,
        ctx: &mut Context<'_>,
    ) {
        self.connecting.remove(&client);
        self.clients.insert(session, client);
        self.send(client, ZkMessage::Connected { session, timeout }, ctx);
    }

    pub(super) fn watch(&mut self, path: String, children: bool, session: SessionId) {
        self.watches
            .entry((path, children))
            .or_default()
            .insert(session);
    }

    pub(super) fn fire_watches(&mut self, touched: &Touched, ctx: &mut Context<'_>) {
        let mut fired = BTreeSet::new();
        for path in touched
            .created
            .iter()
            .chain(&touched.changed)
            .chain(&touched.deleted)
        {
            fired.insert((path.clone(), false));
        }
        for path in touched.created.iter().chain(&touched.deleted) {
            fired.insert((parent(path).to_owned(), true));
        }
        for key in fired {
            for session in self.watches.remove(&key).unwrap_or_default() {
                if let Some(client) = self.clients.get(&session) {
                    let client = *client;
                    self.send(
                        client,
                        ZkMessage::WatchFired {
                            path: key.0.clone(),
                        },
                        ctx,
                    );
                }
            }
        }
    }

    /// Without a leader there is no service: clients look for another server.
    pub(super) fn drop_clients(&mut self, ctx: &mut Context<'_>) {
        self.watches.clear();
        let connecting = std::mem::take(&mut self.connecting);
        let clients = std::mem::take(&mut self.clients).into_values();
        for client in clients.chain(connecting) {
            self.turn_away(client, ctx);
        }
    }

    pub(super) fn is_peer(&self, actor: ActorId) -> bool {
        self.blueprint.directory.zookeeper.contains(&actor)
    }

    pub(super) fn turn_away(&mut self, client: ActorId, ctx: &mut Context<'_>) {
        self.connecting.remove(&client);
        self.send(client, ZkMessage::NotServing, ctx);
    }

    pub(super) fn on_reset(&mut self, peer: ActorId, ctx: &mut Context<'_>) {
        if self.is_peer(peer) {
            return self.lose_peer(peer, ctx);
        }
        self.connecting.remove(&peer);
        let gone: Vec<SessionId> = self
            .clients
            .iter()
            .filter(|(_, client)| **client == peer)
            .map(|(session, _)| *session)
            .collect();
        for session in gone {
            self.forget_connection(session);
        }
    }

    /// A session has moved to another server, and its client may not know: it has to connect again.
    pub(super) fn close_moved(
        &mut self,
        client: ActorId,
        session: SessionId,
        ctx: &mut Context<'_>,
    ) {
        if self.clients.get(&session) == Some(&client) {
            self.forget_connection(session);
        }
        self.turn_away(client, ctx);
    }

    /// The socket is closed, the session is not: only its timeout ends it.
    fn forget_connection(&mut self, session: SessionId) {
        self.clients.remove(&session);
        for waiting in self.watches.values_mut() {
            waiting.remove(&session);
        }
    }
}
