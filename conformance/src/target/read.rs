//! Reads a target file. Every problem is told at once, with its place and the nearest right word.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use url::Url;

use super::file::{Clients, FACTS, Front, HAS, Login, Start, TargetFile, User};
use crate::baseline;
use crate::drive::page::{Hint, Hints, PAGES, Person};
use crate::scenario::verb::ACTS;
use crate::scenario::word::{CLIENT_METADATA, FEATURES};
use crate::toml_file::{Data, Entry, Node, Problem, Report, Slip};
use crate::transcript::view::duration_ms;

const TOP: &[&str] = &[
    "name",
    "issuer",
    "other_issuer",
    "hosts",
    "has",
    "trust",
    "start",
    "clients",
    "front",
    "users",
    "login",
    "admin",
    "lacks",
    "known",
    "quiet",
    "clock",
];

/// See [`TargetFile::parse`].
pub(super) fn read(file: &str, text: &str, directory: &Path) -> Result<TargetFile, Vec<Problem>> {
    let mut report = Report::new(file, text);
    let root = match Node::parse(text) {
        Ok(root) => root,
        Err(errors) => {
            errors.into_iter().for_each(|(at, why)| report.add(&at, Slip::new(why)));
            return Err(report.finish());
        }
    };
    let mut reader = Reader { report, directory };
    let read = reader.file(&root);
    let problems = reader.report.finish();
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

struct Reader<'t> {
    report: Report<'t>,
    directory: &'t Path,
}

impl Reader<'_> {
    fn file(&mut self, root: &Node) -> TargetFile {
        self.keys(root, "a target file", TOP);
        let nothing = Node { at: root.at.clone(), data: Data::Table(Vec::new()) };
        let part = |name: &str| root.get(name).unwrap_or(&nothing);
        for name in ["trust", "front", "quiet", "clock"] {
            let keys: &[&str] = match name {
                "trust" => &["ca"],
                "front" => &["listen", "address"],
                "quiet" => &["after"],
                _ => &["skew", "longest"],
            };
            self.table(part(name), name);
            self.keys(part(name), &format!("[{name}]"), keys);
        }
        let has = self.texts(root, "has");
        for word in has.iter().filter(|word| !HAS.contains(&word.as_str())) {
            let at = root.get("has").map_or(root.at.clone(), |n| n.at.clone());
            self.report.add(&at, Slip::unknown("word of `has`", word, HAS.iter().copied()));
        }
        TargetFile {
            name: self.wanted(root, "name"),
            issuer: self.address(root, "issuer", true).unwrap_or_default(),
            other_issuer: self.address(root, "other_issuer", false),
            hosts: self.hosts(root),
            has,
            ca: self.text(part("trust"), "ca").map(|ca| self.directory.join(ca)),
            start: root.get("start").and_then(|start| self.start(start)),
            clients: self.clients(root),
            front: self.front(part("front")),
            users: self.users(part("users")),
            login: self.login(root),
            admin: self.admin(part("admin")),
            lacks: self.lacks(root),
            known: baseline::read_known(root, false, &mut self.report),
            quiet: self.duration(part("quiet"), "after", Duration::from_millis(300)),
            skew: self.duration(part("clock"), "skew", Duration::from_secs(2)),
            longest: self.duration(part("clock"), "longest", Duration::from_secs(3600)),
            directory: self.directory.to_owned(),
        }
    }

    fn start(&mut self, node: &Node) -> Option<Start> {
        self.table(node, "start");
        self.keys(node, "[start]", &["command", "ready", "within"]);
        let command = self.command(node, "command");
        let ready = self.address(node, "ready", true);
        let within = self.duration(node, "within", Duration::from_secs(60));
        Some(Start { command: command?, ready: ready?, within })
    }

    fn clients(&mut self, root: &Node) -> Clients {
        let Some(node) = root.get("clients") else {
            self.report.add(&(0..0), Slip::new("the file says nothing of `[clients]`").instead("`how` is \"given\" or \"register\""));
            return Clients::Given(BTreeMap::new());
        };
        self.table(node, "clients");
        let tables = || node.table().unwrap_or_default().iter().filter(|e| e.node.table().is_some());
        let how = self.wanted(node, "how");
        let token = self.text(node, "initial_access_token");
        for entry in node.table().unwrap_or_default().iter().filter(|e| e.node.table().is_none()) {
            if !["how", "initial_access_token"].contains(&entry.key.as_str()) {
                self.report.add(&entry.key_at, no_key("[clients]", &entry.key, &["how", "initial_access_token"]));
            }
        }
        match how.as_str() {
            "given" => {
                if let Some(token) = node.get("initial_access_token") {
                    self.report.add(&token.at, Slip::new("`initial_access_token` says nothing where clients are given"));
                }
                if tables().next().is_none() {
                    self.report.add(&node.at, Slip::new("clients are given, and there is none").instead("write `[clients.web]`"));
                }
                Clients::Given(tables().map(|entry| (entry.key.clone(), self.client(entry))).collect())
            }
            "register" => {
                for entry in tables() {
                    let what = format!("the client `{}` is written out, and clients are registered", entry.key);
                    self.report.add(&entry.key_at, Slip::new(what));
                }
                Clients::Register { token }
            }
            "" => Clients::Given(BTreeMap::new()),
            other => {
                let at = node.get("how").map_or(node.at.clone(), |n| n.at.clone());
                self.report.add(&at, Slip::unknown("way to clients", other, ["given", "register"]));
                Clients::Given(BTreeMap::new())
            }
        }
    }

    fn client(&mut self, entry: &Entry) -> Value {
        let node = &entry.node;
        self.keys(node, "a client", CLIENT_METADATA);
        self.wanted(node, "client_id");
        if node.get("redirect_uris").is_some() {
            for address in self.texts(node, "redirect_uris") {
                self.is_address(node, "redirect_uris", &address);
            }
        }
        self.address(node, "backchannel_logout_uri", false);
        node.json()
    }

    fn front(&mut self, node: &Node) -> Front {
        let listen = self.text(node, "listen");
        if let (Some(socket), Some(at)) = (&listen, node.get("listen"))
            && socket.parse::<std::net::SocketAddr>().is_err()
        {
            self.report.add(&at.at, Slip::new(format!("`{socket}` is no socket")).instead("write an address and a port, 127.0.0.1:9900"));
        }
        Front { listen, address: self.address(node, "address", false).map(|a| a.trim_end_matches('/').to_owned()) }
    }

    fn users(&mut self, node: &Node) -> BTreeMap<String, User> {
        self.table(node, "users");
        let mut users = BTreeMap::new();
        for entry in node.table().unwrap_or_default() {
            self.table(&entry.node, &entry.key);
            let keys: Vec<&str> = ["username", "password", "known_as"].iter().chain(FACTS).copied().collect();
            self.keys(&entry.node, "a user", &keys);
            let (username, password) = (self.wanted(&entry.node, "username"), self.wanted(&entry.node, "password"));
            let mut known_as = self.texts(&entry.node, "known_as");
            known_as.push(username.clone());
            known_as.extend(["name", "email"].iter().filter_map(|fact| self.text(&entry.node, fact)));
            let facts = FACTS.iter().filter_map(|fact| Some(((*fact).to_owned(), entry.node.get(fact)?.json()))).collect();
            users.insert(entry.key.clone(), User { person: Person { username, password, known_as }, facts });
        }
        users
    }

    fn login(&mut self, root: &Node) -> Login {
        let Some(node) = root.get("login") else { return Login::Form(Hints::new()) };
        self.table(node, "login");
        self.keys(node, "[login]", &["driver", "command", "pages"]);
        let driver = self.wanted(node, "driver");
        match driver.as_str() {
            "form" => {
                if let Some(command) = node.get("command") {
                    self.report.add(&command.at, Slip::new("`command` says nothing where the driver is \"form\""));
                }
                Login::Form(node.get("pages").map(|pages| self.pages(pages)).unwrap_or_default())
            }
            "command" => {
                if let Some(pages) = node.get("pages") {
                    self.report.add(&pages.at, Slip::new("`pages` says nothing where the driver is \"command\""));
                }
                Login::Command(self.command(node, "command").unwrap_or_default())
            }
            "" => Login::Form(Hints::new()),
            other => {
                let at = node.get("driver").map_or(node.at.clone(), |n| n.at.clone());
                self.report.add(&at, Slip::unknown("driver", other, ["form", "command"]));
                Login::Form(Hints::new())
            }
        }
    }

    fn pages(&mut self, node: &Node) -> Hints {
        self.table(node, "pages");
        self.keys(node, "[login.pages]", PAGES);
        let mut hints = Hints::new();
        for entry in node.table().unwrap_or_default() {
            let page = &entry.node;
            self.table(page, &entry.key);
            self.keys(page, "a page", &["heading", "fields", "press", "refuse"]);
            let heading = self.text(page, "heading");
            if let (Some(Err(why)), Some(at)) = (heading.as_deref().map(Regex::new), page.get("heading")) {
                self.report.add(&at.at, Slip::new(format!("`heading` is no regular expression: {why}")));
            }
            let mut fields = BTreeMap::new();
            if let Some(named) = page.get("fields") {
                self.table(named, "fields");
                self.keys(named, "`fields`", &["username", "password"]);
                for role in ["username", "password"] {
                    fields.extend(self.text(named, role).map(|name| (role.to_owned(), name)));
                }
            }
            let hint = Hint { heading, fields, press: self.text(page, "press"), refuse: self.text(page, "refuse") };
            hints.insert(entry.key.clone(), hint);
        }
        hints
    }

    fn admin(&mut self, node: &Node) -> BTreeMap<String, Vec<String>> {
        self.table(node, "admin");
        let acts: Vec<&str> = ACTS.iter().map(|act| act.name).collect();
        self.keys(node, "[admin]", &acts);
        let all = node.table().unwrap_or_default();
        all.iter().filter_map(|entry| Some((entry.key.clone(), self.command(node, &entry.key)?))).collect()
    }

    fn lacks(&mut self, root: &Node) -> Vec<(String, String)> {
        let mut lacks = Vec::new();
        for node in self.tables(root, "lacks") {
            self.keys(node, "[[lacks]]", &["feature", "because"]);
            let (feature, because) = (self.wanted(node, "feature"), self.wanted(node, "because"));
            if let Some(at) = node.get("feature").filter(|_| !FEATURES.contains(&feature.as_str())) {
                self.report.add(&at.at, Slip::unknown("feature", &feature, FEATURES.iter().copied()));
            }
            lacks.push((feature, because));
        }
        lacks
    }

    fn hosts(&mut self, root: &Node) -> Vec<String> {
        let hosts = self.texts(root, "hosts");
        hosts.iter().for_each(|host| self.is_address(root, "hosts", host));
        hosts
    }

    /// A program and its arguments. One that is named by a path is found below the folder of the file.
    fn command(&mut self, node: &Node, key: &str) -> Option<Vec<String>> {
        let mut words = self.texts(node, key);
        let Some(program) = words.first_mut() else {
            let at = node.get(key).map_or(node.at.clone(), |n| n.at.clone());
            self.report.add(&at, Slip::new(format!("`{key}` names no program")).instead("write [\"program\", \"argument\"]"));
            return None;
        };
        if program.contains('/') {
            *program = self.directory.join(&*program).to_string_lossy().into_owned();
        }
        Some(words)
    }

    fn address(&mut self, node: &Node, key: &str, needed: bool) -> Option<String> {
        let address = if needed { Some(self.wanted(node, key)).filter(|a| !a.is_empty()) } else { self.text(node, key) }?;
        self.is_address(node, key, &address);
        Some(address)
    }

    fn is_address(&mut self, node: &Node, key: &str, address: &str) {
        let http = Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        // A native application may have a scheme of its own (RFC 8252 §7.1).
        let native = key == "redirect_uris" && Url::parse(address).is_ok();
        if let (false, Some(at)) = (http || native, node.get(key)) {
            self.report.add(&at.at, Slip::new(format!("`{key}`: `{address}` is no address")).instead("write it with https:// or http://"));
        }
    }

    fn duration(&mut self, node: &Node, key: &str, otherwise: Duration) -> Duration {
        let Some(text) = self.text(node, key) else { return otherwise };
        let read = duration_ms(&text).and_then(|ms| u64::try_from(ms).ok());
        if let (None, Some(at)) = (read, node.get(key)) {
            self.report.add(&at.at, Slip::new(format!("`{text}` is no duration")).instead("write \"300ms\", \"5s\", \"10m\" or \"1h\""));
        }
        read.map_or(otherwise, Duration::from_millis)
    }

    fn wanted(&mut self, node: &Node, key: &str) -> String {
        if node.get(key).is_none() {
            self.report.add(&(node.at.start..node.at.start), Slip::new(format!("`{key}` is missing")));
        }
        self.text(node, key).unwrap_or_default()
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let value = node.get(key)?;
        match value.text() {
            Some("") => self.report.add(&value.at, Slip::new(format!("`{key}` is empty"))),
            Some(_) => {}
            None => self.report.add(&value.at, Slip::wants(key, "text", value.kind())),
        }
        value.text().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn texts(&mut self, node: &Node, key: &str) -> Vec<String> {
        let Some(value) = node.get(key) else { return Vec::new() };
        let all = value.list().map(|list| list.iter().map(Node::text).collect::<Option<Vec<_>>>());
        let Some(Some(texts)) = all else {
            self.report.add(&value.at, Slip::wants(key, "a list of texts", value.kind()));
            return Vec::new();
        };
        texts.into_iter().map(str::to_owned).collect()
    }

    fn table(&mut self, node: &Node, name: &str) {
        if node.table().is_none() {
            self.report.add(&node.at, Slip::wants(name, "a table", node.kind()));
        }
    }

    fn tables<'n>(&mut self, root: &'n Node, name: &str) -> &'n [Node] {
        let Some(node) = root.get(name) else { return &[] };
        let list = node.list().filter(|list| list.iter().all(|n| n.table().is_some()));
        if list.is_none() {
            self.report.add(&node.at, Slip::wants(name, &format!("tables, each under [[{name}]]"), node.kind()));
        }
        list.unwrap_or_default()
    }

    fn keys(&mut self, node: &Node, whose: &str, known: &[&str]) {
        for entry in node.table().unwrap_or_default().iter().filter(|e| !known.contains(&e.key.as_str())) {
            self.report.add(&entry.key_at, no_key(whose, &entry.key, known));
        }
    }
}

/// A key that the table does not have.
fn no_key(whose: &str, key: &str, known: &[&str]) -> Slip {
    Slip::none_of(format!("{whose} has no key `{key}`"), key, known.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let told = read("t.toml", text, Path::new("/somewhere")).err().unwrap_or_default();
        told.iter().map(|p| p.to_string().lines().next().unwrap_or_default().to_owned()).collect()
    }

    const LEAST: &str = "name = \"x\"\nissuer = \"https://op.example\"\nclients.how = \"register\"\n";

    /// The example of the documentation is one, and has every key.
    #[test]
    fn the_documentation_is_right() {
        let page = include_str!("../../docs/target-file.md");
        let example = page.split("```").nth(1).and_then(|block| block.strip_prefix("toml\n")).unwrap();
        assert_eq!(problems(example), Vec::<String>::new());
        let root = Node::parse(example).unwrap();
        assert_eq!(TOP.iter().filter(|key| root.get(key).is_none()).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn the_targets_of_the_repository_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/targets");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            assert_eq!(problems(&text), Vec::<String>::new());
        }
    }

    #[test]
    fn little_is_enough() {
        let read = read("t.toml", LEAST, Path::new("/somewhere")).unwrap();
        assert_eq!((read.name.as_str(), read.quiet.as_millis(), read.skew.as_secs()), ("x", 300, 2));
        assert!(matches!(read.clients, Clients::Register { token: None }));
    }

    #[test]
    fn every_problem_is_told_with_its_place_and_the_nearest_word() {
        let text = format!(
            "{LEAST}isuer = \"x\"\n[quite]\n[login]\ndriver = \"forms\"\n[admin]\nterminate_sesion = [\"x\"]\n[[lacks]]\nfeature = \"devise\"\n[clock]\nskew = \"5\"\n"
        );
        assert_eq!(
            problems(&text),
            [
                "t.toml:4:1: a target file has no key `isuer`; did you mean `issuer`?",
                "t.toml:5:2: a target file has no key `quite`; did you mean `quiet`?",
                "t.toml:7:10: there is no driver `forms`; did you mean `form`?",
                "t.toml:9:1: [admin] has no key `terminate_sesion`; did you mean `terminate_session`?",
                "t.toml:10:1: `because` is missing",
                "t.toml:11:11: there is no feature `devise`; did you mean `device`?",
                "t.toml:13:8: `5` is no duration; write \"300ms\", \"5s\", \"10m\" or \"1h\"",
            ]
        );
    }

    #[test]
    fn given_clients_have_the_names_of_registration() {
        let text = "name = \"x\"\nissuer = \"https://op.example\"\n[clients]\nhow = \"given\"\n[clients.web]\nclient_id = \"w\"\nredirect_uri = \"http://rp/cb\"\n";
        assert_eq!(problems(text), ["t.toml:7:1: a client has no key `redirect_uri`; did you mean `redirect_uris`?"]);
        let fit = text.replace("redirect_uri = \"http://rp/cb\"", "redirect_uris = [\"http://rp/cb\"]");
        assert!(matches!(read("t.toml", &fit, Path::new("/")).unwrap().clients, Clients::Given(all) if all.contains_key("web")));
    }

    #[test]
    fn programs_with_a_path_lie_beside_the_file() {
        let text = format!(
            "{LEAST}[start]\ncommand = [\"./op.sh\", \"x.mjs\"]\nready = \"https://op.example/\"\n[admin]\nrotate_keys = [\"node\", \"r.mjs\"]\n"
        );
        let read = read("t.toml", &text, Path::new("/somewhere")).unwrap();
        assert_eq!(read.start.unwrap().command, ["/somewhere/./op.sh", "x.mjs"]);
        assert_eq!(read.admin["rotate_keys"], ["node", "r.mjs"]);
    }
}
