//! `docker-compose.yml` as docker-compose reads it, and as the programs understand what it tells them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use runtime::config::{Loaded, Program, Settings};
use serde_json::{Map, Value};

use super::{list, program, shipped, text, word, yaml};

/// What somebody must choose.
const CHOSEN: [&str; 3] = ["POSTGRES_PASSWORD", "ADMIN_TOKEN", "GRAFANA_ADMIN_PASSWORD"];

/// Runs `docker-compose config` with this `.env` and no other variables.
fn config(dotenv: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("env");
    fs::write(&file, dotenv).expect("it is written");
    Command::new(program("docker-compose", "docker-compose"))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder.path())
        .arg("--env-file")
        .arg(&file)
        .arg("--file")
        .arg(shipped("docker-compose.yml"))
        .arg("config")
        .output()
        .expect("it runs")
}

/// The services with what was chosen and these lines more.
fn services(more: &str) -> Map<String, Value> {
    let chosen = CHOSEN.map(|name| format!("{name}=of{}\n", name.len()));
    let output = config(&(chosen.concat() + more));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let file = yaml(&String::from_utf8_lossy(&output.stdout));
    file["services"].as_object().expect("services").clone()
}

/// The services as the file has them.
fn written() -> Map<String, Value> {
    let mut file: serde_norway::Value =
        serde_norway::from_str(&text("docker-compose.yml")).expect("YAML");
    // What is merged merges itself.
    for _ in 0..2 {
        file.apply_merge().expect("anchors");
    }
    let file = serde_json::to_value(file).expect("as JSON");
    file["services"].as_object().expect("services").clone()
}

fn environment(service: &Value) -> BTreeMap<String, String> {
    let variables = service["environment"].as_object().expect("variables");
    let set = variables
        .iter()
        // Without a value it is not handed on.
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    set.collect()
}

/// The settings of a program in its container.
fn settings(program: Program, service: &Value) -> Settings {
    let variables = environment(service).into_iter();
    let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    match Settings::load(program, [], variables, Path::new("/nonexistent/.env")) {
        Ok(Loaded::Run(settings)) => *settings,
        Ok(Loaded::Print(text)) => panic!("{text}"),
        Err(refusal) => panic!("{refusal}"),
    }
}

#[test]
fn what_must_be_chosen_is_asked_for_by_name() {
    for missing in CHOSEN {
        let others = CHOSEN.iter().filter(|name| **name != missing);
        let dotenv: String = others.flat_map(|name| [*name, "=chosen\n"]).collect();
        // As good as missing.
        for dotenv in [dotenv.clone(), format!("{dotenv}{missing}=\n")] {
            let output = config(&dotenv);
            assert!(!output.status.success(), "{missing}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(&format!("put {missing} into .env")), "{said}");
        }
    }
}

#[test]
fn the_programs_understand_what_it_tells_them() {
    let services = services("UPDATE_INTERVAL=7m\nALLOWED_HOSTS=desk.example\n");
    for (name, program) in [("api", Program::Api), ("tracker", Program::Tracker)] {
        let settings = settings(program, &services[name]);
        assert_eq!(settings.tracking.update_interval, Duration::from_mins(7));
        assert!(!settings.api.is_loopback() && !settings.metrics.is_loopback());
        let written = written();
        let patience = word(&written[name]["stop_grace_period"]).strip_suffix('s');
        let patience: u64 = patience.and_then(|it| it.parse().ok()).expect("seconds");
        let longest = settings.shutdown_grace + Duration::from_millis(5500);
        assert!(Duration::from_secs(patience) > longest, "{name}");
    }
    // What nobody set is not set to nothing.
    assert!(!environment(&services["api"]).contains_key("READ_TOKEN"));
    let api = settings(Program::Api, &services["api"]);
    assert!(api.access.admin_token.is_some());
}

#[test]
fn nothing_has_rights_that_it_does_not_need_and_only_this_machine_reaches_it() {
    for (name, service) in written() {
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        let options = list(&service["security_opt"]);
        assert!(options.contains(&"no-new-privileges:true".into()), "{name}");
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(word(&service["logging"]["options"]["max-size"]).len() > 1);
        assert!(service["mem_limit"].is_string(), "{name}");
        // The database needs a few, to become its own user.
        let rootless = service["read_only"] == true && service.get("cap_add").is_none();
        assert!(rootless || name == "postgres", "{name}");
        for port in service["ports"].as_array().unwrap_or(&Vec::new()) {
            assert!(word(port).starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let image = word(&service["image"]);
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        assert!(image.starts_with("stock-tracker:") || (!tag.is_empty() && tag != "latest"));
    }
}

#[test]
fn all_parts_find_each_other() {
    let written = written();
    let services = services("");
    for program in ["api", "tracker"] {
        let needed = &written[program]["depends_on"]["postgres"]["condition"];
        assert_eq!(needed, "service_healthy");
        assert_eq!(list(&written[program]["command"])[0], program);
        let postgres = environment(&services["postgres"]);
        let [user, password, database] =
            ["USER", "PASSWORD", "DB"].map(|it| &postgres[&format!("POSTGRES_{it}")]);
        let url = format!("postgres://{user}:{password}@postgres:5432/{database}");
        assert_eq!(environment(&services[program])["DATABASE_URL"], url);
    }
    assert!(written["postgres"]["healthcheck"]["test"].is_array());
    // Prometheus asks where the programs tell.
    let scraped = yaml(&text("deploy/prometheus/prometheus.yml"));
    for job in list(&scraped["scrape_configs"]) {
        let found = &job["dns_sd_configs"][0];
        let service = word(&found["names"][0]);
        assert_eq!(service, word(&job["job_name"]));
        let port = &environment(&services[service])["METRICS_PORT"];
        assert_eq!(found["port"].to_string(), *port, "{service}");
    }
    let source = yaml(&text(
        "deploy/grafana/provisioning/datasources/prometheus.yml",
    ));
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
    // What is mounted from here is here, and Grafana looks where it is mounted.
    let mut mounted = Vec::new();
    for service in written.values() {
        for volume in service["volumes"].as_array().unwrap_or(&Vec::new()) {
            let parts: Vec<&str> = word(volume).split(':').collect();
            if parts[0].starts_with("./") {
                assert!(shipped(parts[0]).is_dir(), "{volume}");
                assert_eq!(parts.get(2), Some(&"ro"), "{volume}");
                mounted.push(parts[1].to_owned());
            }
        }
    }
    let boards = yaml(&text(
        "deploy/grafana/provisioning/dashboards/stock-tracker.yml",
    ));
    let folder = word(&boards["providers"][0]["options"]["path"]).to_owned();
    assert!(mounted.contains(&folder), "{folder}: {mounted:?}");
}
