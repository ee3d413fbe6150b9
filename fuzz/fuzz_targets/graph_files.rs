#![no_main]

use eddyline_graphs::declared::parse;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Servers that a file names are asked for their tools when it is read.
    if !text.contains("mcp") {
        let _ = parse(text, "fuzz.yaml");
        let _ = parse(text, "fuzz.toml");
    }
});
