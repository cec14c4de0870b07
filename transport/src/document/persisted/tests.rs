//! Tests of automatic persisted queries and trusted documents.

use async_graphql::value;

use super::*;

const QUERY: &str = "{ value }";

fn extensions(hash: &str) -> Extensions {
    let mut extensions = Extensions::default();
    let entry = value!({"version": 1, "sha256Hash": hash});
    extensions.insert("persistedQuery".to_owned(), entry);
    extensions
}

fn code_of(found: Result<Resolved, RequestError>) -> &'static str {
    found.expect_err("an error").code
}

#[test]
fn a_document_is_found_by_its_hash_once_it_is_stored() {
    let documents = Documents::default();
    let hash = hex(&hash_of(QUERY));
    let find =
        |text: Option<&str>| documents.resolve(text.map(str::to_owned), None, &extensions(&hash));
    assert_eq!(code_of(find(None)), "PERSISTED_QUERY_NOT_FOUND");
    let sent = find(Some(QUERY)).expect("found");
    assert_eq!(sent.keep, Some(hash_of(QUERY)));
    assert_eq!(
        code_of(find(Some(""))),
        "PERSISTED_QUERY_NOT_FOUND",
        "not stored yet"
    );
    documents.keep(hash_of(QUERY), QUERY.into());
    let known = Resolved {
        text: QUERY.to_owned(),
        keep: None,
    };
    assert_eq!(find(None), Ok(known.clone()));
    assert_eq!(find(Some(QUERY)), Ok(known));
    assert_eq!(code_of(find(Some("{ other }"))), "BAD_USER_INPUT");
}

#[test]
fn invalid_identifiers_are_rejected() {
    let documents = Documents::default();
    for hash in ["", "x", &"é".repeat(32), &"+1".repeat(32)] {
        let found = documents.resolve(None, None, &extensions(hash));
        assert_eq!(code_of(found), "PERSISTED_QUERY_NOT_FOUND", "{hash}");
    }
    for (entry, message) in [
        (value!(null), "`query` is missing"),
        (
            value!("x"),
            "`extensions.persistedQuery` must be a JSON object",
        ),
        (
            value!({"version": 1}),
            "`extensions.persistedQuery.sha256Hash` must be a string",
        ),
    ] {
        let mut odd = Extensions::default();
        odd.insert("persistedQuery".to_owned(), entry);
        let error = documents.resolve(None, None, &odd).expect_err("an error");
        assert_eq!((error.code, &*error.message), ("BAD_USER_INPUT", message));
        let sent = documents.resolve(Some(QUERY.to_owned()), None, &odd);
        assert_eq!(sent.is_ok(), message.contains("missing"), "{message}");
    }
    let mut other = Extensions::default();
    let entry = value!({"version": 2, "sha256Hash": "x"});
    other.insert("persistedQuery".to_owned(), entry);
    let found = documents.resolve(None, None, &other);
    assert_eq!(code_of(found), "PERSISTED_QUERY_NOT_SUPPORTED");
    let found = Documents::none().resolve(None, None, &extensions(&hex(&hash_of(QUERY))));
    assert_eq!(code_of(found), "PERSISTED_QUERY_NOT_SUPPORTED");
}

#[test]
fn only_documents_of_the_directory_are_served() {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("write the file");
    };
    write("Value.graphql", "{ value }\n");
    write("persisted.json", r#"{"abc": "{ other }"}"#);
    write("README.md", "{ nope }");
    let documents = Documents::trusted(folder.path()).expect("read");
    let find = |text: Option<&str>, id: Option<&str>| {
        documents
            .resolve(text.map(str::to_owned), id, &Extensions::default())
            .map(|found| found.text)
    };
    let value = Ok(QUERY.to_owned());
    assert_eq!(find(Some(QUERY), None), value);
    assert_eq!(find(None, Some("Value")), value);
    let id = format!("sha256:{}", hex(&hash_of(QUERY)));
    assert_eq!(find(None, Some(&id)), value);
    assert_eq!(find(None, Some("abc")), Ok("{ other }".to_owned()));
    let hashed = documents.resolve(None, None, &extensions(&hex(&hash_of(QUERY))));
    assert_eq!(hashed.expect("found").text, QUERY);
    assert_eq!(
        find(Some("{ nope }"), None).expect_err("an error").code,
        "FORBIDDEN"
    );
    let unknown = find(None, Some("nope")).expect_err("an error");
    assert_eq!(unknown.code, "PERSISTED_QUERY_NOT_FOUND");
    write("broken.json", "[]");
    assert!(Documents::trusted(folder.path()).is_err());
}
