//! How much a network buffer holds, and how many of them there are.

/// Buffers have the size of a memory segment. Real records fill them to the end: the last one goes on in the next. Of simulated
/// records that stand for many, each lies in the buffer that it begins in. One that is larger than a segment has a
/// buffer to itself; so that as many bytes are in flight, there are fewer of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    segment_bytes: u64,
    record_bytes: u64,
    /// Records go on in the next buffer.
    spans: bool,
}

/// Bytes of a record that has begun in the buffer before.
pub type Carried = u64;

impl Buffers {
    /// `record_bytes` are of one simulated record, which stands for `weight` real ones.
    pub fn new(segment_bytes: u64, record_bytes: u64, weight: u32) -> Buffers {
        Buffers {
            segment_bytes,
            record_bytes,
            // Of single records it makes no difference worth its time.
            spans: weight > 1 && record_bytes < segment_bytes,
        }
    }

    /// How many records begin in the next buffer.
    pub fn next(&self, carried: &mut Carried) -> u32 {
        let records = if self.spans {
            let records = (self.segment_bytes - *carried).div_ceil(self.record_bytes);
            *carried = *carried + records * self.record_bytes - self.segment_bytes;
            records
        } else {
            (self.segment_bytes / self.record_bytes).max(1)
        };
        u32::try_from(records).unwrap_or(u32::MAX)
    }

    /// How many records begin in each, at the least.
    pub fn least(&self) -> u64 {
        match self.spans {
            true => (self.segment_bytes - self.record_bytes + 1).div_ceil(self.record_bytes),
            false => (self.segment_bytes / self.record_bytes).max(1),
        }
    }

    /// As many as hold what so many segments hold; one at the least.
    pub fn instead_of(&self, segments: u64) -> u64 {
        self.holding(segments.saturating_mul(self.segment_bytes))
    }

    /// The same for buffers that are full, where each of some channels has another one that is being filled and is half full
    /// on average. Records with a buffer to themselves leave that one empty; those that go on in the next buffer are
    /// counted where they begin, so that what is missing in the open one is in the full ones.
    pub fn beside_open_ones(&self, segments: u64, channels: u64) -> u64 {
        let missing = match self.record_bytes > self.segment_bytes {
            true => channels * self.segment_bytes / 2,
            false => 0,
        };
        self.holding(segments * self.segment_bytes + missing)
    }

    /// How many of them hold so much.
    fn holding(&self, bytes: u64) -> u64 {
        let each = self.segment_bytes.max(self.record_bytes);
        (bytes.saturating_add(each / 2) / each).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: u64 = 32 << 10;

    #[test]
    fn as_many_bytes_are_in_flight_whatever_a_record_stands_for() {
        let counts = |record_bytes, weight| {
            let buffers = Buffers::new(SEGMENT, record_bytes, weight);
            let (channel, pool) = (
                buffers.beside_open_ones(10, 1),
                buffers.beside_open_ones(18, 5),
            );
            (buffers.instead_of(4), channel, pool)
        };
        assert_eq!(counts(200, 1), (4, 10, 18));
        assert_eq!(counts(20_000, 1), (4, 10, 18));
        assert_eq!(counts(2_000, 10), (4, 10, 18));
        assert_eq!(counts(20_000, 100), (4, 10, 18));
        assert_eq!(counts(200_000, 1_000), (1, 2, 3));
        assert_eq!(counts(100_000, 1), (1, 3, 7));
    }

    #[test]
    fn records_go_on_in_the_next_buffer() {
        let fill = |record_bytes, weight| {
            let buffers = Buffers::new(SEGMENT, record_bytes, weight);
            let mut carried = 0;
            let filled: Vec<u32> = (0..1_000).map(|_| buffers.next(&mut carried)).collect();
            (filled[..6].to_vec(), filled.iter().sum::<u32>())
        };
        assert_eq!(fill(200, 1), (vec![163; 6], 163_000));
        assert_eq!(fill(20_000, 100), (vec![2, 2, 1, 2, 2, 1], 1_639));
        assert_eq!(fill(200_000, 1_000), (vec![1; 6], 1_000));
    }
}
