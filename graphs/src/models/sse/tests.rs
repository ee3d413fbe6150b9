use proptest::prelude::*;

use super::*;

/// The events of a stream that arrives in these parts.
fn events<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
    let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
    for part in parts {
        decoder.feed(part, &mut events).unwrap();
    }
    events.into_iter().map(|event| (event.name, event.data)).collect()
}

#[test]
fn a_stream_is_cut_into_events() {
    let cases: [(&str, &[(&str, &str)]); 12] = [
        ("data: a\n\n", &[("", "a")]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]),
        ("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
        ("event: e\ndata: a\n\ndata: b\n\n", &[("e", "a"), ("", "b")]),
        ("data: a\ndata: b\n\n", &[("", "a\nb")]),
        ("data:a\ndata:  b\n\n", &[("", "a\n b")]),
        ("data\n\n", &[("", "")]),
        ("event: e\n\n", &[]),
        (": a comment\nid: 1\nretry: 5\ndata: a\n\n", &[("", "a")]),
        ("\u{feff}data: ü\n\n", &[("", "ü")]),
        ("data: never ended", &[]),
        ("data: never ended\n", &[]),
    ];
    for (stream, expected) in cases {
        let found = events([stream.as_bytes()]);
        let found: Vec<_> = found.iter().map(|(name, data)| (&**name, &**data)).collect();
        assert_eq!(found, expected, "{stream:?}");
    }
}

#[test]
fn an_event_without_end_is_refused() {
    let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
    let line = [b"data: ", &vec![b'x'; SseDecoder::LIMIT / 2][..], b"\n"].concat();
    decoder.feed(&line, &mut events).unwrap();
    assert_eq!(decoder.feed(&line, &mut events), Err(TooLong));
    assert!(events.is_empty());
}

proptest! {
    #[test]
    fn it_does_not_matter_where_bytes_are_cut(
        stream in prop::collection::vec(
            prop::sample::select(vec!["data: a", "data", "event: e", ":", "\n", "\r", "\r\n", "ü", "\u{feff}"]),
            0..24,
        ),
        cuts in prop::collection::vec(0usize..200, 0..8),
    ) {
        let stream = stream.concat().into_bytes();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        prop_assert_eq!(events(parts), events([&stream[..]]));
    }
}
