//! Tests of the network.

use super::*;

const A: ActorId = ActorId(0);
const B: ActorId = ActorId(1);
const C: ActorId = ActorId(2);

fn network() -> Network<u32> {
    let mut network = Network::new(SpanRange {
        min: Span::from_us(300),
        max: Span::from_us(800),
    });
    let streams = Streams::new(7);
    for name in ["a", "b", "c"] {
        let transfers = match name {
            "c" => Transfers::OnTheirOwn,
            _ => Transfers::OnOneConnection,
        };
        network.add_host(name, 1_000_000, transfers, &streams);
    }
    network
}

fn ms(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

/// Between two ends, both connected.
fn send(network: &mut Network<u32>, at: Time, from: ActorId, to: ActorId, message: u32) -> Transit {
    let transit = network.transmit(at, from, to, 0, Way::Established);
    if transit == Transit::Held {
        network.hold(from, to, message);
    }
    transit
}

fn arrives(transit: Transit) -> bool {
    matches!(transit, Transit::Arrives(_))
}

fn cut(from: ActorId, to: ActorId, one_way: bool) -> Condition {
    Condition {
        from: Group::Of(vec![from]),
        to: Group::Of(vec![to]),
        one_way,
        trouble: Trouble::Cut,
        until: None,
    }
}

fn arrival(transit: Transit) -> Time {
    let Transit::Arrives(at) = transit else {
        panic!("nothing is cut")
    };
    at
}

#[test]
fn what_is_short_overtakes_a_file_but_no_message_of_its_own_connection() {
    let (file, short) = (5_000_000, 1_000);
    for (peer, overtakes) in [(C, true), (B, false)] {
        let mut network = network();
        let long = arrival(network.transmit(ms(0), A, peer, file, Way::Established));
        assert!(long >= ms(5_000));
        let next = arrival(network.transmit(ms(10), A, peer, short, Way::Established));
        assert_eq!(next < ms(20), overtakes, "{next}");
        assert!(overtakes || next == long);
    }
}

#[test]
fn what_another_peer_sends_does_not_wait_for_a_file() {
    let mut network = network();
    network.transmit(ms(0), C, A, 5_000_000, Way::Established);
    let record = arrival(network.transmit(ms(10), B, A, 1_000, Way::Established));
    assert!(record < ms(20), "{record}");
}

#[test]
fn messages_of_one_connection_stay_in_order() {
    let mut network = network();
    let mut last = Time::ZERO;
    for n in 0..1_000 {
        let sent = Time(n * 1_000);
        let Transit::Arrives(at) = network.transmit(sent, A, B, 0, Way::Established) else {
            panic!("nothing is cut")
        };
        assert!(at >= last && at.since(sent) <= Span::from_ms(2));
        last = at;
    }
}

#[test]
fn a_cut_holds_messages_until_the_next_retransmission() {
    let mut network = network();
    let id = network.trouble(cut(A, B, false));
    assert_eq!(send(&mut network, ms(0), A, B, 42), Transit::Held);
    assert_eq!(send(&mut network, ms(450), A, B, 43), Transit::Held);
    assert!(arrives(send(&mut network, ms(0), A, C, 44)));
    let released = network.mend(ms(500), id);
    assert_eq!(released.iter().map(|r| r.2).collect::<Vec<_>>(), [42, 43]);
    // 200 ms, 600 ms: the first attempt after the cut healed at 500 ms; the rest of the connection waits for it.
    for (at, to, _) in released {
        assert!(to == B && at >= ms(600) && at < ms(602));
    }
}

#[test]
fn without_acknowledgements_a_direction_that_is_open_falls_silent() {
    let mut network = network();
    let id = network.trouble(cut(A, B, true));
    assert_eq!(send(&mut network, ms(0), A, B, 1), Transit::Held);
    assert!(arrives(send(&mut network, ms(0), B, A, 2)));
    assert!(arrives(send(&mut network, ms(199), B, A, 3)));
    assert_eq!(send(&mut network, ms(201), B, A, 4), Transit::Held);
    let released = network.mend(ms(300), id);
    assert_eq!(released.iter().map(|r| r.2).collect::<Vec<_>>(), [1, 4]);
    assert!(arrives(send(&mut network, ms(700), B, A, 5)));
}

#[test]
fn no_connection_is_made_over_half_a_link() {
    let mut network = network();
    network.trouble(cut(A, B, true));
    assert_eq!(
        network.transmit(ms(0), B, A, 0, Way::Opening),
        Transit::Held
    );
}

#[test]
fn a_lost_attempt_to_connect_costs_seconds() {
    let mut network = network();
    let id = network.trouble(cut(A, B, false));
    assert_eq!(
        network.transmit(ms(0), A, B, 0, Way::Opening),
        Transit::Held
    );
    network.hold(A, B, 1);
    let released = network.mend(ms(1_500), id);
    assert!(released[0].0 >= ms(3_000) && released[0].0 < ms(3_002));
}

#[test]
fn lost_packets_are_sent_again() {
    let mut network = network();
    network.trouble(Condition {
        from: Group::Of(vec![A]),
        to: Group::All,
        one_way: false,
        trouble: Trouble::Lossy { per_mille: 250 },
        until: None,
    });
    let mut late = [0; 3];
    for n in 0..1_000 {
        let sent = ms(n * 100_000);
        let Transit::Arrives(at) = network.transmit(sent, A, B, 0, Way::Established) else {
            panic!("nothing is cut")
        };
        match at.since(sent).0 / 1_000_000 {
            0..=1 => late[0] += 1,
            200..=201 => late[1] += 1,
            600..=601 => late[2] += 1,
            1_400.. => {}
            other => panic!("{other} ms is no time of a retransmission"),
        }
    }
    assert!((700..800).contains(&late[0]), "{late:?}");
    assert!((150..230).contains(&late[1]), "{late:?}");
    assert!((30..65).contains(&late[2]), "{late:?}");
}

#[test]
fn a_slow_link_is_far_and_narrow() {
    let mut network = network();
    network.trouble(Condition {
        from: Group::Of(vec![A]),
        to: Group::Of(vec![B]),
        one_way: true,
        trouble: Trouble::Slow {
            latency: SpanRange::constant(Span::from_ms(50)),
            bandwidth: Server::new(10_000),
        },
        until: None,
    });
    let mut arrival = |from, to| match network.transmit(ms(0), from, to, 1_000, Way::Established) {
        Transit::Arrives(at) => at.0 / 1_000_000,
        Transit::Held => panic!("nothing is cut"),
    };
    assert_eq!(arrival(A, B), 151);
    assert_eq!(arrival(A, B), 251);
    assert!(arrival(B, A) < 5);
}

#[test]
fn those_who_were_connected_are_told_once() {
    let mut network = network();
    assert_eq!(network.dial(A, B, None, 0), (0, Way::Opening));
    network.establish((A, 0), (B, 0));
    assert_eq!(network.dial(B, A, None, 0), (0, Way::Established));
    assert!(network.tell(A, B, 0) && !network.tell(A, B, 0) && !network.tell(C, B, 0));
    assert!(network.close(A, B, 0) && !network.close(A, B, 0));
    network.close_gate(A, B, 0, ms(50));
    assert!(network.is_gated(ms(49), A, B, 0));
    assert!(!network.is_gated(ms(50), A, B, 0) && !network.is_gated(ms(0), A, B, 1));
}

#[test]
fn what_is_lost_or_narrow_is_so_only_until_the_trouble_is_over() {
    let trouble = |trouble| Condition {
        from: Group::Of(vec![A]),
        to: Group::All,
        one_way: false,
        trouble,
        until: Some(ms(1_000)),
    };
    let mut lossy = network();
    lossy.trouble(trouble(Trouble::Lossy { per_mille: 1_000 }));
    // Sent again after 200, 600 and 1,400 ms.
    let at = arrival(lossy.transmit(ms(0), A, B, 0, Way::Established));
    assert!(at >= ms(1_400) && at < ms(1_402), "{at}");
    let mut narrow = network();
    narrow.trouble(trouble(Trouble::Slow {
        latency: SpanRange::constant(Span::ZERO),
        bandwidth: Server::new(1_000),
    }));
    let at = arrival(narrow.transmit(ms(0), A, B, 10_000, Way::Established));
    assert!(at >= ms(1_000) && at < ms(1_100), "{at}");
}

#[test]
fn a_reset_between_the_living_loses_what_is_under_way_until_each_end_knows() {
    let mut network = network();
    let (a, b) = ((A, 1), (B, 4));
    assert!(!network.reset(a, b), "nobody has connected");
    network.dial(A, B, None, 4);
    network.establish(a, b);
    let under_way = arrival(network.transmit(ms(10), A, B, 0, Way::Established));
    assert!(network.loses_nothing() && network.reset(a, b) && !network.reset(a, b));
    assert!(network.loses(A, B, under_way));
    // A does not know, and talks to nobody.
    assert_eq!(network.dial(A, B, None, 4), (4, Way::Established));
    let unheard = arrival(network.transmit(ms(11), A, B, 0, Way::Established));
    assert!(network.loses(A, B, unheard));
    assert!(network.take_reset(A, B, 4) && network.loses(A, B, unheard));
    // It connects again: B learns by that, and its own word of the reset is old.
    assert_eq!(network.dial(A, B, None, 4), (4, Way::Opening));
    let heard = arrival(network.transmit(ms(11), A, B, 0, Way::Opening));
    assert!(heard > unheard && !network.loses(A, B, heard));
    network.establish(a, b);
    assert!(!network.take_reset(B, A, 1));
    assert_eq!(network.dial(B, A, None, 1), (1, Way::Established));
    let answer = arrival(network.transmit(heard, B, A, 0, Way::Established));
    assert!(!network.loses(B, A, answer) && network.loses_nothing());
}
