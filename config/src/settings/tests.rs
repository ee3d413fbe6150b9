//! What settings there may be.

use super::*;

fn check(key: &str, value: impl Into<config::Value>, expected: &str) {
    let error = Settings::loader().set(key, value).load().unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_defaults_are_settings() {
    let settings = Settings::loader().load().unwrap();
    assert_eq!(settings.http.address.to_string(), "127.0.0.1:2024");
    assert_eq!((settings.http.workers, settings.http.max_body_bytes), (None, 2 << 20));
    assert_eq!(settings.http.cors_origins, ["local"]);
    assert_eq!(settings.data_dir, Some(".eddyline".into()));
    let runs = Runs {
        max_running: 1024,
        max_open: 100_000,
        max_tasks: 65_536,
        max_state_bytes: 64 << 20,
        timeout: Duration::from_hours(24),
        shutdown_grace: Duration::from_secs(30),
    };
    assert_eq!(settings.runs, runs);
    let streams = Streams { kept_bytes: 8 << 20, kept: Duration::from_mins(5) };
    assert_eq!(settings.streams, streams);
    let forgetful = Settings::loader().set("storage.memory", true).load().unwrap();
    assert_eq!(forgetful.data_dir, None);
    let sweep_interval = Duration::from_mins(5);
    assert_eq!(settings.store, Store { default_ttl: None, refresh_on_read: true, sweep_interval });
    let threads = settings.threads;
    assert_eq!((threads.ttl_minutes, threads.ttl_strategy), (None, TtlStrategy::Delete));
    assert_eq!(threads.sweep_interval, Duration::from_mins(5));
    assert_eq!(
        settings.log,
        Log { level: "info,actix_server=warn,actix_http=off".into(), format: LogFormat::Text }
    );
}

#[test]
fn values_out_of_range_are_refused() {
    check("http.port", 70_000, "setting `http.port` lies between 0 and 65535, not `70000`");
    check("http.port", -1, "setting `http.port` lies between 0 and 65535, not `-1`");
    check("http.workers", 5000, "setting `http.workers` lies between 0 and 1024, not `5000`");
    check("http.max_body_bytes", 0, "setting `http.max_body_bytes` lies between 1 and 1073741824, not `0`");
    check(
        "http.host",
        "example.org",
        "setting `http.host` is an IP address or `localhost`, not `example.org`",
    );
    check("runs.max_running", 0, "setting `runs.max_running` lies between 1 and 1048576, not `0`");
    check(
        "streams.kept_seconds",
        -1,
        "setting `streams.kept_seconds` lies between 0 and 315360000, not `-1`",
    );
    for (key, value, least) in [("store.default_ttl_minutes", -1, 0), ("store.sweep_interval_minutes", 0, 1)]
    {
        check(key, value, &format!("setting `{key}` lies between {least} and 525600, not `{value}`"));
    }
    check(
        "threads.ttl_strategy",
        "burn",
        "setting `threads.ttl_strategy` is `delete` or `keep_latest`, not `burn`",
    );
    check("threads.sweep_minutes", 0, "setting `threads.sweep_minutes` lies between 1 and 1440, not `0`");
    check("log.format", "xml", "setting `log.format` is `text` or `json`, not `xml`");
}

#[test]
fn items_may_live_for_minutes() {
    let settings = Settings::loader().set("store.default_ttl_minutes", 90).load().unwrap();
    assert_eq!(settings.store.default_ttl, Some(Duration::from_mins(90)));
}

#[test]
fn origins_are_those_that_browsers_send() {
    let key = "http.cors_origins";
    let origin = "setting `http.cors_origins` lists origins such as `https://chat.example.org`, not";
    for odd in ["chat.example.org", "https://chat.example.org/", "https://"] {
        check(key, vec![odd], &format!("{origin} `{odd}`"));
    }
    let settings = Settings::loader().set(key, vec!["http://localhost:3000"]).load().unwrap();
    assert_eq!(settings.http.cors_origins, ["http://localhost:3000"]);
}

#[test]
fn an_address_that_others_reach_is_asked_for() {
    for host in ["0.0.0.0", "192.0.2.1", "::"] {
        let error = Settings::loader().set("http.host", host).load().unwrap_err();
        assert_eq!(error.code(), "ADDRESS_EXPOSED");
        let open = Settings::loader().set("http.host", host).set("http.allow_remote", true);
        assert_eq!(open.load().unwrap().http.address.ip().to_string(), host);
        let keys = Settings::loader().set("http.host", host).set("auth.mode", "keys").load().unwrap();
        assert_eq!(keys.auth, Auth::Keys(".eddyline/keys.json".into()));
    }
    for host in ["localhost", "127.0.0.2", "::1"] {
        assert!(Settings::loader().set("http.host", host).load().is_ok());
    }
}

#[test]
fn keys_stand_in_the_data_folder_unless_it_is_said_where() {
    let load = |set: &[(&str, &str)]| {
        let keys = Settings::loader().set("auth.mode", "keys");
        set.iter().fold(keys, |loader, (key, value)| loader.set(*key, *value)).load()
    };
    assert_eq!(load(&[("storage.data_dir", "/srv/e")]).unwrap().auth, Auth::Keys("/srv/e/keys.json".into()));
    let file = ("auth.keys_file", "/etc/keys.json");
    assert_eq!(load(&[("storage.memory", "true"), file]).unwrap().auth, Auth::Keys("/etc/keys.json".into()));
    assert_eq!(load(&[("storage.memory", "true")]).unwrap_err().code(), "SETTING_INVALID");
    assert_eq!(Settings::loader().load().unwrap().auth, Auth::None);
    check("auth.mode", "keyz", "setting `auth.mode` is `none`, `keys` or `jwt`, not `keyz`");
}
