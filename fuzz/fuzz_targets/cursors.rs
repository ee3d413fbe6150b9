#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eddyline_transports::fuzz::cursors(data));
