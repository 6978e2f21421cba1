//! How calls leave an endpoint: told without waiting, or asked with a deadline; and how they are answered.

use crate::actor::context::Context;
use crate::actor::message::{Body, FencingToken};
use crate::kernel::Span;

use super::asks::Asks;
use super::heartbeat::Peer;
use super::{Answer, AskId, Call, Endpoint, Rpc, RpcAnswer, RpcError};

/// Sends a call that nobody waits for.
pub fn tell(
    from: Endpoint,
    to: Peer,
    token: Option<FencingToken>,
    call: Call,
    ctx: &mut Context<'_>,
) {
    send(from, to, token, None, call, ctx);
}

/// Sends a call and opens an ask for its answer.
#[allow(clippy::too_many_arguments)]
pub fn ask<W>(
    asks: &mut Asks<W>,
    what: W,
    timeout: Span,
    to: Peer,
    token: Option<FencingToken>,
    call: Call,
    ctx: &mut Context<'_>,
) -> AskId {
    let ask = asks.open(what, timeout, ctx);
    send(asks.owner(), to, token, Some(ask), call, ctx);
    ask
}

fn send(
    from: Endpoint,
    to: Peer,
    token: Option<FencingToken>,
    ask: Option<AskId>,
    call: Call,
    ctx: &mut Context<'_>,
) {
    let rpc = Rpc {
        from,
        to: to.endpoint,
        token,
        ask,
        call,
    };
    ctx.send_to(to.address, Body::Rpc(Box::new(rpc)));
}

/// Answers an ask; nothing where the caller does not wait.
pub fn answer(
    caller: Peer,
    ask: Option<AskId>,
    result: Result<Answer, RpcError>,
    ctx: &mut Context<'_>,
) {
    if let Some(ask) = ask {
        let answer = RpcAnswer {
            to: caller.endpoint,
            ask,
            result,
        };
        ctx.send_to(caller.address, Body::RpcAnswer(Box::new(answer)));
    }
}
