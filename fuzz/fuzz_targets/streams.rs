#![no_main]

use eddyline_graphs::models::SseDecoder;

// However a provider's stream is cut, it is the same stream.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (mut whole, mut cut) = (Vec::new(), Vec::new());
    let read = SseDecoder::default().feed(data, &mut whole);
    let mut decoder = SseDecoder::default();
    let pieces = data.iter().try_for_each(|byte| decoder.feed(&[*byte], &mut cut));
    assert_eq!((read, whole), (pieces, cut));
});
