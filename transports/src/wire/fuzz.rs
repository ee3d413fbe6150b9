//! Whatever a client may send, read: for fuzzers, and for their corpora as plain tests. Nothing of it may panic.

use uuid::Uuid;

use super::protocol::{Request, Style};
use super::{
    AssistantBody, AssistantPatch, AssistantSearch, CancelBody, CronBody, CronCount, CronPatch, CronSearch,
    DeleteItemBody, HistoryBody, NamespacesBody, PatchBody, Place, PruneBody, PutItemBody, RunBody,
    SearchItemsBody, StateAtBody, ThreadBody, ThreadCount, ThreadSearch, UpdateBody, VersionsBody, a2a, mcp,
    parse, parse_list, thread_place,
};
use crate::lines;

/// Request bodies, as each route reads them.
pub fn bodies(data: &[u8]) {
    let id = Uuid::nil();
    let _ = parse::<RunBody>(data).and_then(|body| body.into_request(Some(id)));
    let _ = parse_list::<RunBody>(data);
    let _ = parse::<AssistantBody>(data).and_then(AssistantBody::into_request);
    let _ = parse::<AssistantPatch>(data).and_then(|body| body.into_request(id));
    let _ = parse::<AssistantSearch>(data);
    let _ = parse::<VersionsBody>(data).and_then(|body| body.into_request(id));
    let _ = parse::<CancelBody>(data);
    let _ = parse::<CronBody>(data).and_then(|body| body.into_request(None));
    let _ = parse::<CronPatch>(data);
    let _ = parse::<CronSearch>(data).and_then(CronSearch::into_request);
    let _ = parse::<CronCount>(data).and_then(CronCount::into_filter);
    let _ = parse::<ThreadBody>(data).and_then(ThreadBody::into_request);
    let _ = parse::<PatchBody>(data).and_then(|body| body.into_request(id));
    let _ = parse::<ThreadSearch>(data).and_then(ThreadSearch::into_request);
    let _ = parse::<ThreadCount>(data).and_then(ThreadCount::into_filter);
    let _ = parse::<PruneBody>(data).and_then(PruneBody::into_request);
    let _ = parse::<UpdateBody>(data).and_then(|body| body.into_request(id));
    let _ = parse::<StateAtBody>(data).and_then(|body| body.into_request(id));
    let _ = parse::<HistoryBody>(data).and_then(|body| body.into_request(id));
    let _ = parse::<PutItemBody>(data).and_then(PutItemBody::into_request);
    let _ = parse::<SearchItemsBody>(data).and_then(SearchItemsBody::into_request);
    let _ = parse::<DeleteItemBody>(data).and_then(DeleteItemBody::into_place);
    let _ = parse::<NamespacesBody>(data).and_then(NamespacesBody::into_request);
    let _ = mcp::read(data);
    let _ = a2a::read(data);
}

/// Where clients say that they stopped reading.
pub fn cursors(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = Place::from_last_event_id(Some(&text), true);
    let _ = thread_place(Some(&text));
}

/// Lines of the streaming protocol, cut and understood.
pub fn lines(data: &[u8]) {
    for limit in [8, 1 << 20] {
        for line in lines::cut(data, limit) {
            for style in [Style::OneThread, Style::ManyThreads] {
                let _ = Request::parse(&line, style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use eddyline_engine::testing::mutants;

    /// Reads what a corpus has, and so many mutants of each.
    fn read_all(corpus: &str, count: usize, read: impl Fn(&[u8])) {
        let folder = format!("{}/../fuzz/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
        let mut files = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            read(&seed);
            mutants(&seed, count).for_each(|mutant| read(&mutant));
            files += 1;
        }
        assert!(files > 1, "the corpus of {corpus} is there");
    }

    #[test]
    fn a_corpus_of_requests_is_read() {
        read_all("bodies", 300, super::bodies);
        read_all("cursors", 1000, super::cursors);
        read_all("lines", 1000, super::lines);
    }
}
