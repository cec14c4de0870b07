//! Which text a name stands for.

use async_graphql::value;

use super::*;

const QUERY: &str = "{ value }";

fn extensions(hash: &str) -> Extensions {
    let mut extensions = Extensions::default();
    let entry = value!({"version": 1, "sha256Hash": hash});
    extensions.insert("persistedQuery".to_owned(), entry);
    extensions
}

fn code_of(found: Result<Found, Fault>) -> &'static str {
    found.expect_err("a fault").code
}

#[test]
fn a_text_is_found_by_its_hash_once_it_was_kept() {
    let documents = Documents::default();
    let hash = hex(&hash_of(QUERY));
    let find =
        |text: Option<&str>| documents.find(text.map(str::to_owned), None, &extensions(&hash));
    assert_eq!(code_of(find(None)), "PERSISTED_QUERY_NOT_FOUND");
    let sent = find(Some(QUERY)).expect("found");
    assert_eq!(sent.keep, Some(hash_of(QUERY)));
    assert_eq!(
        code_of(find(Some(""))),
        "PERSISTED_QUERY_NOT_FOUND",
        "it was not kept yet"
    );
    documents.keep(hash_of(QUERY), QUERY.into());
    let known = Found {
        text: QUERY.to_owned(),
        keep: None,
    };
    assert_eq!(find(None), Ok(known.clone()));
    assert_eq!(find(Some(QUERY)), Ok(known));
    assert_eq!(code_of(find(Some("{ other }"))), "BAD_USER_INPUT");
}

#[test]
fn odd_names_are_refused() {
    let documents = Documents::default();
    for hash in ["", "x", &"é".repeat(32), &"+1".repeat(32)] {
        let found = documents.find(None, None, &extensions(hash));
        assert_eq!(code_of(found), "PERSISTED_QUERY_NOT_FOUND", "{hash}");
    }
    for (entry, said) in [
        (value!(null), "`query` is missing"),
        (value!("x"), "`persistedQuery` is not a JSON object"),
        (
            value!({"version": 1}),
            "`persistedQuery` has no `sha256Hash`",
        ),
    ] {
        let mut odd = Extensions::default();
        odd.insert("persistedQuery".to_owned(), entry);
        let fault = documents.find(None, None, &odd).expect_err("a fault");
        assert_eq!((fault.code, &*fault.message), ("BAD_USER_INPUT", said));
        let sent = documents.find(Some(QUERY.to_owned()), None, &odd);
        assert_eq!(sent.is_ok(), said.contains("missing"), "{said}");
    }
    let mut other = Extensions::default();
    let entry = value!({"version": 2, "sha256Hash": "x"});
    other.insert("persistedQuery".to_owned(), entry);
    let found = documents.find(None, None, &other);
    assert_eq!(code_of(found), "PERSISTED_QUERY_NOT_SUPPORTED");
    let found = Documents::none().find(None, None, &extensions(&hex(&hash_of(QUERY))));
    assert_eq!(code_of(found), "PERSISTED_QUERY_NOT_SUPPORTED");
}

#[test]
fn the_least_used_is_forgotten_first() {
    let cache = Cache::new(2 * (128 + 10));
    let texts = ["0123456789", "1123456789", "2123456789"].map(|text| (hash_of(text), text));
    cache.put(texts[0].0, texts[0].1.into());
    cache.put(texts[1].0, texts[1].1.into());
    cache.put(texts[1].0, texts[1].1.into());
    assert!(cache.has(&texts[0].0));
    cache.put(texts[2].0, texts[2].1.into());
    assert!(cache.get(&texts[0].0).is_some());
    assert!(cache.get(&texts[1].0).is_none());
    assert!(cache.get(&texts[2].0).is_some());
    cache.put(hash_of("large"), "x".repeat(1000).into());
    assert!(cache.get(&hash_of("large")).is_none(), "it never fits");
}

#[test]
fn of_a_directory_only_what_is_published_is_served() {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write("Value.graphql", "{ value }\n");
    write("persisted.json", r#"{"abc": "{ other }"}"#);
    write("README.md", "{ nope }");
    let documents = Documents::trusted(folder.path()).expect("read");
    let find = |text: Option<&str>, id: Option<&str>| {
        documents
            .find(text.map(str::to_owned), id, &Extensions::default())
            .map(|found| found.text)
    };
    let value = Ok(QUERY.to_owned());
    assert_eq!(find(Some(QUERY), None), value);
    assert_eq!(find(None, Some("Value")), value);
    let id = format!("sha256:{}", hex(&hash_of(QUERY)));
    assert_eq!(find(None, Some(&id)), value);
    assert_eq!(find(None, Some("abc")), Ok("{ other }".to_owned()));
    let hashed = documents.find(None, None, &extensions(&hex(&hash_of(QUERY))));
    assert_eq!(hashed.expect("found").text, QUERY);
    assert_eq!(
        find(Some("{ nope }"), None).expect_err("a fault").code,
        "FORBIDDEN"
    );
    let unknown = find(None, Some("nope")).expect_err("a fault");
    assert_eq!(unknown.code, "PERSISTED_QUERY_NOT_FOUND");
    write("broken.json", "[]");
    assert!(Documents::trusted(folder.path()).is_err());
}
