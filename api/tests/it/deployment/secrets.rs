//! The secrets of `docker-compose.yml`: the shipped script that draws them, and the programs that
//! read them.

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

/// Each file and the id of the user who reads it.
const FILES: [(&str, u32); 3] = [
    ("admin_token", 10001),
    ("grafana_admin_password", 472),
    ("postgres_password", 10001),
];

/// Runs the script as the container does, with the variables that docker-compose gives it, and
/// returns what the files hold.
pub(super) fn draw(folder: &Path, services: &Map<String, Value>) -> BTreeMap<String, String> {
    let service = &services["secrets"];
    assert_eq!(service["command"], json!(["draw-secrets"]));
    let variables = compose::environment(service);
    let drawn = Command::new("sh")
        .arg(shipped("deploy/draw-secrets"))
        .arg(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(&variables)
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&drawn.stdout) + String::from_utf8_lossy(&drawn.stderr);
    assert!(drawn.status.success(), "{said}");
    let files = fs::read_dir(folder).expect("a folder").map(|file| {
        let file = file.expect("a file");
        let name = file.file_name().into_string().expect("a name");
        let secret = fs::read_to_string(file.path()).expect("it is readable");
        let secret = secret.strip_suffix('\n').expect("a line").to_owned();
        assert!(!said.contains(&secret), "{said}");
        (name, secret)
    });
    files.collect()
}

#[test]
fn what_is_not_set_is_drawn_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = compose::services(None);
    let drawn = draw(folder.path(), &services);
    assert_eq!(drawn.len(), FILES.len(), "{:?}", drawn.keys());
    for (name, reader) in FILES {
        let secret = &drawn[name];
        assert_eq!(secret.len(), 48, "{name}");
        assert!(secret.bytes().all(|it| it.is_ascii_hexdigit()), "{name}");
        let file = folder.path().join(name).metadata().expect("a file");
        assert_eq!(file.permissions().mode() & 0o777, 0o400, "{name}");
        let root = folder.path().metadata().expect("a folder").uid() == 0;
        // Only root can give it to its reader, as in the container.
        assert!(!root || (file.uid(), file.gid()) == (reader, reader));
    }
    let mut different: Vec<_> = drawn.values().collect();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), FILES.len(), "each has its own");
    // Set to nothing is not set.
    for services in [&services, &compose::services(Some("ADMIN_TOKEN=\n"))] {
        assert_eq!(draw(folder.path(), services), drawn);
    }
}

#[test]
fn what_is_set_is_used_and_kept_when_it_is_no_longer_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let unset = compose::services(None);
    let drawn = draw(folder.path(), &unset);
    let dotenv = "ADMIN_TOKEN=of-dotenv\nPOSTGRES_PASSWORD='-n %s\\n \"@:/?# $x'\n";
    let set = draw(folder.path(), &compose::services(Some(dotenv)));
    assert_eq!(set["admin_token"], "of-dotenv");
    assert_eq!(set["postgres_password"], "-n %s\\n \"@:/?# $x");
    assert_eq!(
        set["grafana_admin_password"],
        drawn["grafana_admin_password"]
    );
    assert_eq!(draw(folder.path(), &unset), set);
}

/// PostgreSQL, `api` and `tracker` as the containers have them, with nothing in `.env`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_start_with_what_was_drawn() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let secrets = tempfile::tempdir().expect("a folder");
    let services = compose::services(None);
    let drawn = draw(secrets.path(), &services);
    let (server, name) = home.database.as_str().rsplit_once('/').expect("a database");
    let (_, address) = server.split_once('@').expect("a user");
    // As the image of PostgreSQL does with POSTGRES_USER, POSTGRES_PASSWORD_FILE and POSTGRES_DB.
    let admin = Database::connect(home.database.as_str()).await;
    let admin = admin.expect("it connects");
    let password = &drawn["postgres_password"];
    let owner = format!(
        "CREATE ROLE {name}_owner LOGIN PASSWORD '{password}';
        ALTER DATABASE {name} OWNER TO {name}_owner; ALTER SCHEMA public OWNER TO {name}_owner"
    );
    let made = admin.execute_unprepared(&owner).await;
    made.expect("it is made");
    admin.close().await.expect("it closes");
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
    // What the documented command shows lets mutations in.
    let token = &drawn["admin_token"];
    let done = product.post(track, &json!({})).bearer_auth(token);
    let done = Answer::to(done).await;
    assert_eq!(done.data()["untrackStock"]["stock"]["tracked"], false);
    for line in product.lines() {
        assert!(!line.contains(token) && !line.contains(password), "{line}");
    }
}
