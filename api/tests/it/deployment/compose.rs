//! Tests of `docker-compose.yml`: docker-compose accepts it, and the programs accept its settings.

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

use super::{list, program, secrets, shipped, text, word, yaml};

/// The directory of the secrets in the containers.
const SECRETS: &str = "/run/secrets";

/// Every variable of the file that is not a setting of the programs.
const ALL: &str = "POSTGRES_PASSWORD=chosen\nADMIN_TOKEN=chosen\nGRAFANA_ADMIN_PASSWORD=chosen\n\
    POSTGRES_MAX_CONNECTIONS=300\nAPI_PORT=8081-8083\nMETRICS_PORT=9093-9095\nPROMETHEUS_PORT=9190\n\
    GRAFANA_PORT=3100\nPROMETHEUS_RETENTION=7d\nSTOCK_TRACKER_TAG=v1\nGIT_REVISION=abc\n";

/// Runs `docker-compose config` in a folder with this `.env`, if any, and without other variables.
fn config(dotenv: Option<&str>) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("docker-compose.yml");
    fs::write(file, text("docker-compose.yml")).expect("written");
    if let Some(dotenv) = dotenv {
        fs::write(folder.path().join(".env"), dotenv).expect("written");
    }
    Command::new(program("docker-compose", "docker-compose"))
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder.path())
        .arg("config")
        .output()
        .expect("executed")
}

/// Returns the services as docker-compose resolves them with this `.env`.
pub(super) fn services(dotenv: Option<&str>) -> Map<String, Value> {
    let output = config(dotenv);
    let output_text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{output_text}");
    // docker-compose warns about variables that are not set.
    assert!(output_text.trim().is_empty(), "{output_text}");
    let file = yaml(&String::from_utf8_lossy(&output.stdout));
    file["services"].as_object().expect("services").clone()
}

/// Returns the services as the file contains them.
fn written() -> Map<String, Value> {
    let mut file: serde_norway::Value =
        serde_norway::from_str(&text("docker-compose.yml")).expect("YAML");
    // A merged mapping may itself contain merge keys.
    for _ in 0..2 {
        file.apply_merge().expect("anchors");
    }
    let file = serde_json::to_value(file).expect("as JSON");
    file["services"].as_object().expect("services").clone()
}

pub(super) fn environment(service: &Value) -> BTreeMap<String, String> {
    let variables = service["environment"].as_object().expect("variables");
    let set = variables
        .iter()
        // A variable without a value is not passed to the container. In the output of
        // docker-compose, a dollar sign is escaped as two.
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.replace("$$", "$"))));
    set.collect()
}

/// The settings of a service that name files with secrets, with `folder` instead of [`SECRETS`].
pub(super) fn secret_settings(service: &Value, folder: &Path) -> BTreeMap<String, String> {
    let here = folder.to_str().expect("a path");
    let settings = environment(service).into_iter();
    let files = settings.filter(|(name, _)| name.ends_with("_FILE"));
    files
        .map(|(name, file)| (name, file.replacen(SECRETS, here, 1)))
        .collect()
}

/// The settings of a program in its container.
fn settings(program: Program, services: &Map<String, Value>) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let generated = secrets::generate(folder.path(), services);
    let service = &services[program.name()];
    let mut variables = environment(service);
    variables.extend(secret_settings(service, folder.path()));
    let variables = variables.into_iter();
    let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let settings = match Settings::load(program, [], variables, Path::new("/nonexistent/.env")) {
        Ok(Loaded::Run(settings)) => *settings,
        Ok(Loaded::Print(text)) => panic!("{text}"),
        Err(refusal) => panic!("{refusal}"),
    };
    let token = settings.access.admin_token.as_ref().expect("a token");
    assert_eq!(token.expose(), generated["admin_token"]);
    settings
}

#[test]
fn the_settings_are_valid_without_variables_with_a_key_and_with_all_variables() {
    for dotenv in [
        None,
        Some(""),
        Some("ALPHA_VANTAGE_API_KEY=K3Y\n"),
        Some(ALL),
    ] {
        let services = services(dotenv);
        let keyed = dotenv.is_some_and(|it| it.contains("K3Y"));
        for program in [Program::Api, Program::Tracker] {
            let settings = settings(program, &services);
            let provider = settings.tracking.providers[0].as_str();
            assert_eq!(provider, if keyed { "alphavantage" } else { "replay" });
        }
    }
}

#[test]
fn the_documented_ports_are_published() {
    let published = |service: &Value| {
        let ports = list(&service["ports"]).iter();
        ports.map(|it| word(it).to_owned()).collect::<Vec<_>>()
    };
    let started = services(None);
    let api = published(&started["api"]);
    assert_eq!(api, ["127.0.0.1:8080:8080/tcp", "127.0.0.1:9090:9090/tcp"]);
    assert_eq!(
        published(&started["prometheus"]),
        ["127.0.0.1:9092:9090/tcp"]
    );
    assert_eq!(published(&started["grafana"]), ["127.0.0.1:3000:3000/tcp"]);
    // The settings of the programs in their containers stay as they are.
    let scaled = services(Some(ALL));
    for (host, container) in [(8081, 8080), (9093, 9090)] {
        for offset in 0..3 {
            let port = format!("127.0.0.1:{}:{container}/tcp", host + offset);
            let range = format!("127.0.0.1:{host}-{}:{container}/tcp", host + 2);
            let ports = published(&scaled["api"]);
            assert!(ports.contains(&port) || ports.contains(&range), "{ports:?}");
        }
    }
    let api = settings(Program::Api, &scaled);
    assert_eq!((api.api.port, api.metrics.port), (8080, 9090));
    assert_eq!(
        published(&scaled["prometheus"]),
        ["127.0.0.1:9190:9090/tcp"]
    );
}

/// docker-compose replaces a container when its configuration changes.
#[test]
fn a_changed_secret_replaces_the_containers_that_read_it() {
    let before = services(None);
    let programs: &[&str] = &["api", "tracker"];
    // Without `secrets`, the programs read the variable itself. The password of PostgreSQL is
    // stored in its volume, so the variable has no effect there.
    for (variable, readers) in [
        ("ADMIN_TOKEN", &["api", "secrets", "tracker"][..]),
        ("POSTGRES_PASSWORD", &["api", "secrets", "tracker"]),
        ("ALPHA_VANTAGE_API_KEY", programs),
        ("SMTP_URL", programs),
    ] {
        let after = services(Some(&format!("{variable}=changed\n")));
        // Paths differ, because the file is in another folder.
        let is_changed = |name: &&String| {
            let [before, after] = [&before, &after].map(|it| &it[name.as_str()]["environment"]);
            before != after
        };
        let changed: Vec<&String> = after.keys().filter(is_changed).collect();
        assert_eq!(changed, readers, "{variable}");
    }
}

#[test]
fn the_secrets_are_written_before_anything_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let generated = secrets::generate(folder.path(), &services(None));
    for (name, service) in &written() {
        let volumes = service["volumes"].as_array().into_iter().flatten();
        let mounted = volumes.map(word).find(|it| it.starts_with("secrets:"));
        let Some(mounted) = mounted else {
            let reads = service.to_string().contains(SECRETS);
            assert!(!reads, "{name} reads secrets that are not mounted");
            continue;
        };
        if name == "secrets" {
            assert_eq!(mounted, format!("secrets:{SECRETS}"));
            continue;
        }
        assert_eq!(mounted, format!("secrets:{SECRETS}:ro"), "{name}");
        let needed = &service["depends_on"]["secrets"]["condition"];
        assert_eq!(needed, "service_completed_successfully", "{name}");
        let variables = service["environment"].as_object().expect("variables");
        let files: Vec<&str> = variables
            .iter()
            .filter(|(name, _)| name.ends_with("_FILE"))
            .filter_map(|(_, file)| file.as_str())
            .collect();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let file = file.strip_prefix(SECRETS).expect("a secret");
            assert!(generated.contains_key(&file[1..]), "{name}: {file}");
        }
    }
}

#[test]
fn the_programs_accept_the_settings_of_their_services() {
    let services = services(Some(
        "UPDATE_INTERVAL=7m\nALLOWED_HOSTS=desk.example\nLIMIT_RULES=50\nLIMIT_DELIVERIES=8\n\
        WEBHOOK_ALLOW_PRIVATE=true\nRETENTION_DELIVERIES=7d\n\
        SMTP_URL=smtps://user:pa%24word@mail.example\nSMTP_FROM=alerts@mail.example\n",
    ));
    for (name, program) in [("api", Program::Api), ("tracker", Program::Tracker)] {
        let settings = settings(program, &services);
        assert_eq!(settings.tracking.update_interval, Duration::from_mins(7));
        assert_eq!(settings.limits.rules, 50);
        assert_eq!(settings.retention.deliveries, Duration::from_hours(7 * 24));
        let delivery = settings.delivery;
        assert!(delivery.allow_private);
        assert_eq!(delivery.max_concurrent, 8);
        let smtp = delivery.smtp.expect("a mail server");
        assert_eq!(smtp.url.expose(), "smtps://user:pa%24word@mail.example");
        assert_eq!(smtp.from, "alerts@mail.example");
        assert!(!settings.api.is_loopback() && !settings.metrics.is_loopback());
        let written = written();
        let grace = word(&written[name]["stop_grace_period"]).strip_suffix('s');
        let grace: u64 = grace.and_then(|it| it.parse().ok()).expect("seconds");
        let longest = settings.shutdown_grace + Duration::from_millis(5500);
        assert!(Duration::from_secs(grace) > longest, "{name}");
    }
    // A variable that is not set is not passed as an empty value.
    assert!(!environment(&services["api"]).contains_key("READ_TOKEN"));
}

#[test]
fn services_have_minimal_privileges_and_publish_ports_on_loopback_only() {
    for (name, service) in written() {
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        let options = list(&service["security_opt"]);
        assert!(options.contains(&"no-new-privileges:true".into()), "{name}");
        let restart = if name == "secrets" {
            "no"
        } else {
            "unless-stopped"
        };
        assert_eq!(service["restart"], restart, "{name}");
        assert!(word(&service["logging"]["options"]["max-size"]).len() > 1);
        assert!(service["mem_limit"].is_string(), "{name}");
        // PostgreSQL needs some capabilities to change its user, and `secrets` to change the owner
        // of files.
        let rootless = service["read_only"] == true && service.get("cap_add").is_none();
        assert!(
            rootless || name == "postgres" || name == "secrets",
            "{name}"
        );
        for port in service["ports"].as_array().unwrap_or(&Vec::new()) {
            assert!(word(port).starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let image = word(&service["image"]);
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        assert!(image.starts_with("stock-tracker:") || (!tag.is_empty() && tag != "latest"));
    }
}

#[test]
fn the_addresses_and_paths_of_the_services_match() {
    let written = written();
    let services = services(None);
    for program in ["api", "tracker"] {
        let needed = &written[program]["depends_on"]["postgres"]["condition"];
        assert_eq!(needed, "service_healthy");
        assert_eq!(list(&written[program]["command"])[0], program);
        let postgres = environment(&services["postgres"]);
        let [user, password, database] =
            ["USER", "PASSWORD_FILE", "DB"].map(|it| &postgres[&format!("POSTGRES_{it}")]);
        let url = format!("postgres://{user}@postgres:5432/{database}");
        let variables = environment(&services[program]);
        assert_eq!(variables["DATABASE_URL"], url);
        assert_eq!(variables["DATABASE_PASSWORD_FILE"], *password);
    }
    assert!(written["postgres"]["healthcheck"]["test"].is_array());
    // Prometheus scrapes the metrics ports of the programs.
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
    // Mounted folders exist, and Grafana reads dashboards from one of them.
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
