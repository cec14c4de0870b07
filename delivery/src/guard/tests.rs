//! Which addresses and answers of DNS the guard accepts.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::*;

#[test]
fn special_addresses_are_not_globally_reachable() {
    for text in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::8.8.8.8",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "100:0:0:1::1",
        "2001::1",
        "2001:2::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ff0e::1",
    ] {
        let address = text.parse().expect("an address");
        assert!(!is_globally_reachable(address), "{text}");
    }
}

#[test]
fn other_addresses_are_globally_reachable() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "126.0.0.1",
        "169.253.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "3fff:1000::1",
    ] {
        let address = text.parse().expect("an address");
        assert!(is_globally_reachable(address), "{text}");
    }
}

/// Answers each look-up with the next list of addresses.
#[derive(Default)]
struct Answers {
    lists: Mutex<Vec<Vec<IpAddr>>>,
    lookups: AtomicUsize,
}

impl Answers {
    fn new(lists: &[&[&str]]) -> Arc<Self> {
        let parsed = |list: &&[&str]| {
            let addresses = list.iter().map(|text| text.parse().expect("an address"));
            addresses.collect()
        };
        Arc::new(Self {
            lists: Mutex::new(lists.iter().map(parsed).collect()),
            lookups: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Answers {
    fn lookup(&self, _: String) -> Lookup {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let list = self.lists.lock().expect("a lock").remove(0);
        Box::pin(async move { Ok(list) })
    }
}

async fn resolved(guard: &Guard) -> Result<Vec<String>, String> {
    let name = "hooks.example".parse().expect("a name");
    match guard.resolve(name).await {
        Ok(addresses) => Ok(addresses.map(|it| it.ip().to_string()).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn every_lookup_is_checked_and_its_addresses_are_the_ones_to_connect_to() {
    let answers = Answers::new(&[&["8.8.8.8"], &["127.0.0.1"], &["8.8.4.4"]]);
    let guard = Guard::new(answers.clone(), false);
    assert_eq!(resolved(&guard).await, Ok(vec!["8.8.8.8".to_owned()]));
    assert_eq!(
        resolved(&guard).await,
        Err(NotGloballyReachable.to_string())
    );
    assert_eq!(resolved(&guard).await, Ok(vec!["8.8.4.4".to_owned()]));
    assert_eq!(answers.lookups.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn one_private_address_among_public_ones_refuses_all() {
    for list in [&["8.8.8.8", "10.0.0.1"][..], &["fd00::1", "8.8.8.8"]] {
        let guard = Guard::new(Answers::new(&[list]), false);
        let refused = Err(NotGloballyReachable.to_string());
        assert_eq!(resolved(&guard).await, refused, "{list:?}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_cannot_be_resolved() {
    let guard = Guard::new(Answers::new(&[&[]]), true);
    assert_eq!(resolved(&guard).await, Err(LookupFailed.to_string()));
}

#[tokio::test]
async fn private_addresses_can_be_allowed() {
    let guard = Guard::new(Answers::new(&[&["10.0.0.1"]]), true);
    assert_eq!(resolved(&guard).await, Ok(vec!["10.0.0.1".to_owned()]));
    let url = Url::parse("http://[::1]/").expect("a URL");
    assert_eq!(guard.check_literal(&url), Ok(()));
}

#[test]
fn a_literal_address_is_checked_in_every_spelling() {
    let guard = Guard::new(Answers::new(&[]), false);
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[::ffff:10.0.0.1]",
        "[::ffff:a00:1]",
        "[64:ff9b::7f00:1]",
        "[::1]",
        "0",
    ] {
        let url = Url::parse(&format!("http://{host}/")).expect("a URL");
        assert_eq!(
            guard.check_literal(&url),
            Err(NotGloballyReachable),
            "{host}"
        );
    }
    for host in ["8.8.8.8", "[2606:4700:4700::1111]", "hooks.example"] {
        let url = Url::parse(&format!("http://{host}/")).expect("a URL");
        assert_eq!(guard.check_literal(&url), Ok(()), "{host}");
    }
}
