//! The last lines of each room, for those who join it or come back.

use std::collections::{HashMap, VecDeque};

use super::batch::Batch;
use super::form::Chunk;
use super::ids::RoomId;

/// Bytes of text kept for all rooms together; beyond it the oldest is forgotten first.
const BYTES_MAX: usize = 64 << 20;

/// The last lines of all rooms.
pub(super) struct History {
    /// Lines kept for each room; 0 keeps none.
    n_lines_max: u64,
    rooms: HashMap<RoomId, RoomHistory>,
    n_bytes: usize,
}

#[derive(Default)]
struct RoomHistory {
    chunks: VecDeque<Chunk>,
    n_lines_kept: u64,
    /// Lines that the room has ever had.
    n_lines: u64,
}

impl History {
    /// Creates a history that keeps this many lines of each room.
    pub(super) fn new(n_lines_max: u64) -> Self {
        History { n_lines_max, rooms: HashMap::new(), n_bytes: 0 }
    }

    /// Begins the history of a new room.
    pub(super) fn add_room(&mut self, room: RoomId) {
        self.rooms.insert(room, RoomHistory::default());
    }

    /// Begins the history of a room that has had so many lines elsewhere.
    pub(super) fn restore_room(&mut self, room: RoomId, n_lines: u64) {
        self.rooms.insert(room, RoomHistory { n_lines, ..RoomHistory::default() });
    }

    /// Forgets a room that is no longer there.
    pub(super) fn remove_room(&mut self, room: RoomId) {
        let removed = self.rooms.remove(&room);
        let chunks = removed.iter().flat_map(|room| &room.chunks);
        self.n_bytes -= chunks.map(|chunk| chunk.text.len()).sum::<usize>();
    }

    /// The number of lines that the room has had in the batches added so far.
    pub(super) fn n_lines(&self, room: RoomId) -> u64 {
        self.rooms.get(&room).map_or(0, |room| room.n_lines)
    }

    /// Adds the lines of a batch.
    pub(super) fn add(&mut self, batch: &Batch) {
        for (id, text) in &batch.rooms {
            let Some(room) = self.rooms.get_mut(id) else { continue }; // it became empty
            room.n_lines += text.chunk.n_lines;
            if self.n_lines_max == 0 {
                continue;
            }
            room.n_lines_kept += text.chunk.n_lines;
            room.chunks.push_back(text.chunk.clone());
            self.n_bytes += text.chunk.text.len();
            while let Some(n) = room.n_spare(self.n_lines_max) {
                self.n_bytes -= n;
            }
        }
        while self.n_bytes > BYTES_MAX {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest chunk of all.
    fn forget_oldest(&mut self) {
        let rooms = self.rooms.values_mut().filter(|room| !room.chunks.is_empty());
        let oldest = rooms.min_by_key(|room| room.chunks.front().map(|chunk| chunk.at));
        self.n_bytes -= oldest.map_or(self.n_bytes, RoomHistory::forget_front);
    }

    /// The chunks of a room from line `first` on, the earlier lines cut off. `unfinished` is the
    /// room's text in the batch that is being gathered.
    pub(super) fn since(&self, room: RoomId, first: u64, unfinished: Option<Chunk>) -> Vec<Chunk> {
        let kept = self.rooms.get(&room).into_iter().flat_map(|room| &room.chunks).cloned();
        let chunks = kept.chain(unfinished);
        chunks.filter_map(|chunk| chunk.starting_at(first)).collect()
    }
}

impl RoomHistory {
    /// Forgets the first chunk if enough lines are left without it; returns its bytes.
    fn n_spare(&mut self, n_lines_max: u64) -> Option<usize> {
        let front = self.chunks.front()?.n_lines;
        (self.n_lines_kept - front >= n_lines_max).then(|| self.forget_front())
    }

    fn forget_front(&mut self) -> usize {
        let Some(chunk) = self.chunks.pop_front() else { return 0 };
        self.n_lines_kept -= chunk.n_lines;
        chunk.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::BatchBuilder;
    use super::*;

    /// A history of two rooms that keeps three lines each.
    fn history() -> History {
        let mut history = History::new(3);
        history.add_room(0);
        history.add_room(1);
        history
    }

    fn add_lines(history: &mut History, room: RoomId, lines: &str) {
        let mut batch = BatchBuilder::default();
        batch.text_of(room).append(Some(7), &[lines.as_bytes()]);
        let batch = batch.finish(|room| history.n_lines(room));
        history.add(&batch);
    }

    fn text(chunks: &[Chunk]) -> String {
        chunks.iter().map(|chunk| str::from_utf8(&chunk.text).unwrap()).collect()
    }

    #[test]
    fn the_last_lines_are_there_and_older_ones_are_forgotten() {
        let mut history = history();
        add_lines(&mut history, 0, "0\n1\n");
        add_lines(&mut history, 1, "other\n");
        add_lines(&mut history, 0, "2\n");
        add_lines(&mut history, 0, "3\n4\n");
        assert_eq!(text(&history.since(0, 0, None)), "2\n3\n4\n");
        assert_eq!(text(&history.since(0, 4, None)), "4\n");
        assert_eq!(text(&history.since(0, 5, None)), "");
        assert_eq!(history.since(0, 4, None)[0].first_line, 4);
        assert_eq!((history.n_lines(0), history.n_bytes), (5, 6 + 6));
        history.remove_room(0);
        assert_eq!((text(&history.since(0, 0, None)), history.n_bytes), (String::new(), 6));
    }

    #[test]
    fn the_text_being_gathered_comes_last() {
        let mut history = history();
        add_lines(&mut history, 0, "0\n");
        let mut batch = BatchBuilder::default();
        batch.text_of(0).append(None, &[b"1\n2\n"]);
        let unfinished = batch.chunk(0, history.n_lines(0));
        assert_eq!(text(&history.since(0, 0, unfinished.clone())), "0\n1\n2\n");
        assert_eq!(text(&history.since(0, 2, unfinished)), "2\n");
    }

    #[test]
    fn bytes_are_bounded_over_all_rooms() {
        let mut history = History::new(u64::MAX);
        history.add_room(0);
        history.add_room(1);
        add_lines(&mut history, 1, "old\n");
        let line = "x".repeat(1 << 20) + "\n";
        for _ in 0..70 {
            add_lines(&mut history, 0, &line);
        }
        assert!(history.n_bytes <= BYTES_MAX && history.n_bytes > BYTES_MAX - (2 << 20));
        assert_eq!(text(&history.since(1, 0, None)), "", "the oldest line is forgotten first");
    }
}
