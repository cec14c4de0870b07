//! Tests of the secrets of `docker-compose.yml`: the script that generates them, and the programs
//! that read them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use sea_orm::{ConnectionTrait, Database};
use serde_json::{Map, Value, json};
use testkit::TestDatabaseUrl;

use super::{compose, shipped};
use crate::{answer::Answer, product::Home};

/// The files, each with the id of the user that reads it.
const FILES: [(&str, u32); 3] = [
    ("admin_token", 10001),
    ("grafana_admin_password", 472),
    ("postgres_password", 10001),
];

/// Runs the script like the container, with the variables of docker-compose. Returns the contents
/// of the files.
pub(super) fn generate(folder: &Path, services: &Map<String, Value>) -> BTreeMap<String, String> {
    let service = &services["secrets"];
    assert_eq!(service["command"], json!(["generate-secrets"]));
    let variables = compose::environment(service);
    let generated = Command::new("sh")
        .arg(shipped("deploy/generate-secrets"))
        .arg(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(&variables)
        .output()
        .expect("a shell");
    let output =
        String::from_utf8_lossy(&generated.stdout) + String::from_utf8_lossy(&generated.stderr);
    assert!(generated.status.success(), "{output}");
    let files = fs::read_dir(folder).expect("a folder").map(|file| {
        let file = file.expect("a file");
        let name = file.file_name().into_string().expect("a name");
        let secret = fs::read_to_string(file.path()).expect("readable");
        let secret = secret.strip_suffix('\n').expect("a line").to_owned();
        assert!(!output.contains(&secret), "{output}");
        (name, secret)
    });
    files.collect()
}

#[test]
fn a_secret_that_is_not_set_is_generated_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = compose::services(None);
    let generated = generate(folder.path(), &services);
    assert_eq!(generated.len(), FILES.len(), "{:?}", generated.keys());
    for (name, reader) in FILES {
        let secret = &generated[name];
        assert_eq!(secret.len(), 48, "{name}");
        assert!(secret.bytes().all(|it| it.is_ascii_hexdigit()), "{name}");
        let file = folder.path().join(name).metadata().expect("a file");
        assert_eq!(file.permissions().mode() & 0o777, 0o400, "{name}");
        let root = folder.path().metadata().expect("a folder").uid() == 0;
        // Only root can change the owner, as in the container.
        assert!(!root || (file.uid(), file.gid()) == (reader, reader));
    }
    let mut different: Vec<_> = generated.values().collect();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), FILES.len(), "all secrets differ");
    // An empty variable counts as not set.
    for services in [&services, &compose::services(Some("ADMIN_TOKEN=\n"))] {
        assert_eq!(generate(folder.path(), services), generated);
    }
}

#[test]
fn a_secret_that_is_set_is_used_and_kept_after_it_is_unset() {
    let folder = tempfile::tempdir().expect("a folder");
    let unset = compose::services(None);
    let generated = generate(folder.path(), &unset);
    let dotenv = "ADMIN_TOKEN=of-dotenv\nPOSTGRES_PASSWORD='-n %s\\n \"@:/?# $x'\n";
    let set = generate(folder.path(), &compose::services(Some(dotenv)));
    assert_eq!(set["admin_token"], "of-dotenv");
    assert_eq!(set["postgres_password"], "-n %s\\n \"@:/?# $x");
    assert_eq!(
        set["grafana_admin_password"],
        generated["grafana_admin_password"]
    );
    assert_eq!(generate(folder.path(), &unset), set);
}

/// PostgreSQL, `api` and `tracker` with the settings of the containers and an empty `.env`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_start_with_generated_secrets() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let secrets = tempfile::tempdir().expect("a folder");
    let services = compose::services(None);
    let generated = generate(secrets.path(), &services);
    let (server, name) = home.database.as_str().rsplit_once('/').expect("a database");
    let (_, address) = server.split_once('@').expect("a user");
    // Like the image of PostgreSQL with POSTGRES_USER, POSTGRES_PASSWORD_FILE and POSTGRES_DB.
    let admin = Database::connect(home.database.as_str()).await;
    let admin = admin.expect("connected");
    let password = &generated["postgres_password"];
    let owner = format!(
        "CREATE ROLE {name}_owner LOGIN PASSWORD '{password}';
        ALTER DATABASE {name} OWNER TO {name}_owner; ALTER SCHEMA public OWNER TO {name}_owner"
    );
    let made = admin.execute_unprepared(&owner).await;
    made.expect("executed");
    admin.close().await.expect("closed");
    let url = format!("postgres://{name}_owner@{address}/{name}");
    let files = compose::secret_settings(&services["api"], secrets.path());
    let mut variables = vec![
        ("DATABASE_URL", &*url),
        ("API_HOST", "0.0.0.0"),
        ("ALLOWED_HOSTS", "0.0.0.0"),
    ];
    variables.extend(files.iter().map(|(name, file)| (&**name, &**file)));
    let product = home.start(&variables).await;
    let track = r#"mutation { untrackStock(input: {symbol: "IBM"}) { stock { tracked } } }"#;
    let refused = product.graphql(track, json!({})).await;
    assert_eq!(refused.code(), "UNAUTHENTICATED");
    // The generated admin token allows mutations.
    let token = &generated["admin_token"];
    let done = product.post(track, &json!({})).bearer_auth(token);
    let done = Answer::to(done).await;
    assert_eq!(done.data()["untrackStock"]["stock"]["tracked"], false);
    for line in product.lines() {
        assert!(!line.contains(token) && !line.contains(password), "{line}");
    }
}
