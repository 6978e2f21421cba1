//! Topics and operators for tests, of which only a little matters.

use super::job_graph::{
    Arrivals, DEFAULT_SLOT_SHARING_GROUP, OffsetReset, Operator, OperatorKind, Service, Topic,
};
use crate::kernel::Span;

pub fn topic(name: &str, partitions: u32) -> Topic {
    Topic {
        name: name.to_owned(),
        partitions,
        rate_per_s: 100.0,
        arrivals: Arrivals::Constant,
        record_bytes: 100,
        keys: 50,
        linger: Span::from_ms(10),
        retention: None,
        offset_reset: OffsetReset::Earliest,
        disorder: Span::ZERO,
    }
}

pub fn operator(name: &str, parallelism: u32, kind: OperatorKind) -> Operator {
    Operator {
        name: name.to_owned(),
        parallelism,
        cpu_per_record: Span::from_us(10),
        service: Service::Constant,
        kind,
        state_bytes: 0,
        max_rate_per_s: None,
        slot_sharing_group: DEFAULT_SLOT_SHARING_GROUP.to_owned(),
        key: "key".to_owned(),
    }
}
