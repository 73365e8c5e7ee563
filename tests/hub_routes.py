"""What the hub of `hub_server` answers to each request, when nothing is wrong with it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field

LARGE = (".safetensors",)


def git_hash(data: bytes) -> str:
    """The name of a blob in git."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_large(path: str) -> bool:
    return path.endswith(LARGE)


@dataclass
class Repository:
    """Commits, oldest first: the hash and all files of each."""

    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    private: bool = False

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main" and self.commits:
            return self.commits[-1]
        return next((c for c in self.commits if c[0] == revision), None)

    def add(self, changes: dict[str, bytes | None]) -> str:
        files = {**(self.commits[-1][1] if self.commits else {}), **changes}
        kept = {path: data for path, data in files.items() if data is not None}
        told = json.dumps([len(self.commits), {path: git_hash(data) for path, data in kept.items()}])
        self.commits.append((hashlib.sha1(told.encode()).hexdigest(), kept))
        return self.commits[-1][0]


class Routes:
    """One method a request. Whoever mixes it in sends answers, and damages them if asked to."""

    def _may_write(self) -> bool:
        return self.hub.token is None or self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def _commit(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """A commit's hash and files; None after the refusal was sent."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self._may_write()):
            self._refuse(401, "RepoNotFound")
            return None
        found = repository.at(revision)
        if found is None:
            self._refuse(404, "RevisionNotFound")
        return found

    def resolve(self, name: str, revision: str, path: str) -> None:
        found = self._commit(name, revision)
        if found is None:
            return
        commit, files = found
        if path not in files:
            return self._refuse(404, "EntryNotFound", {"X-Repo-Commit": commit})
        data = self._altered(files[path])
        size = len(data) + (self.fault == "wrong size")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_hash(data)}"', "Accept-Ranges": "bytes"}
        if not is_large(path):
            return self._send(data, headers)
        digest = sha256(data if self.fault == "lying etag" else files[path])
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(size)}
        where = f"{self.hub.large_at}/objects/{sha256(files[path])}"
        return self._send(b"", {**headers, "Location": where}, 302)

    def download(self, digest: str) -> None:
        if digest not in self.hub.objects:
            return self._refuse(404, "")
        return self._send(self._altered(self.hub.objects[digest]), {"ETag": f'"{digest}"'})

    def info(self, name: str, revision: str = "main") -> None:
        found = self._commit(name, revision or "main")
        if found:
            commit, files = found
            siblings = [{"rfilename": path, "size": len(data)} for path, data in files.items()]
            said = {"id": name, "modelId": name, "sha": commit, "private": False, "tags": [], "downloads": 0}
            self._json({**said, "siblings": siblings, "likes": 0})

    def tree(self, name: str, revision: str) -> None:
        found = self._commit(name, revision)
        if found:
            self._json(self._listed(found[1]))

    def paths_info(self, name: str, revision: str) -> None:
        found = self._commit(name, revision)
        if found:
            self._json(self._listed({p: d for p, d in found[1].items() if p in self.body.decode()}))

    def refs(self, name: str) -> None:
        found = self._commit(name, "main")
        if found:
            branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": found[0]}
            self._json({"branches": [branch], "converts": [], "tags": []})

    def whoami(self) -> None:
        self._json({"type": "user", "name": "tester", "orgs": [], "auth": {"accessToken": {"role": "write"}}})

    def _listed(self, files: dict[str, bytes]) -> list[dict]:
        listed = []
        for path, true in files.items():
            data = self._altered(true)
            size = 2**40 if self.fault == "huge size" else len(data) + (self.fault == "wrong size")
            entry = {"type": "file", "oid": git_hash(data), "size": size, "path": path}
            if is_large(path):
                entry["lfs"] = {"oid": sha256(data), "size": size, "pointerSize": 134}
            listed.append(entry)
        return listed

    # -- what is written ----------------------------------------------------------------------------

    def create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        if name in self.hub.repositories:
            return self._send(
                json.dumps({"error": "exists", "url": f"{self.hub.url}/{name}"}).encode(), {}, 409
            )
        self.hub.repositories[name] = Repository(
            private="private" in (asked.get("visibility"), asked.get("private") and "private")
        )
        self.hub.commit(name, {".gitattributes": b"*.safetensors filter=lfs\n"})
        return self._json({"url": f"{self.hub.url}/{name}", "name": name})

    def check_card(self) -> None:
        self._json({"errors": [], "warnings": []})

    def preupload(self, name: str, revision: str) -> None:
        found = self._commit(name, revision)
        if found:
            modes = []
            for file in json.loads(self.body)["files"]:
                path, old = file["path"], found[1].get(file["path"])
                mode = "lfs" if is_large(path) else "regular"
                oid = None if old is None else sha256(old) if is_large(path) else git_hash(old)
                modes.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
            self._json({"files": modes})

    def batch(self, name: str) -> None:
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.objects:
                upload = {"href": f"{self.hub.url}/objects/{wanted['oid']}", "header": {}}
                answer["actions"] = {
                    "upload": upload,
                    "verify": {"href": f"{self.hub.url}/{name}.git/verify"},
                }
            objects.append(answer)
        self._json({"transfer": "basic", "objects": objects})

    def upload(self, digest: str) -> None:
        if sha256(self.body) != digest:
            return self._refuse(400, "")
        self.hub.objects[digest] = self.body
        return self._send(b"", {})

    def check_upload(self, name: str) -> None:
        asked = json.loads(self.body)
        sound = len(self.hub.objects.get(asked["oid"], b"")) == asked["size"]
        self._send(b"", {}) if sound else self._refuse(422, "")

    def add(self, name: str, revision: str) -> None:
        changes: dict[str, bytes | None] = {}
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                changes[value["path"]] = self.hub.objects[value["oid"]]
            elif item["key"] == "deletedFile":
                changes[value["path"]] = None
        commit = self.hub.commit(name, changes)
        self._json({"commitUrl": f"{self.hub.url}/{name}/commit/{commit}", "commitOid": commit})


_NAME = r"(?P<name>[^/]+/[^/]+)"
_AT = r"(?P<revision>[^/]+)"
_LARGE = r"/objects/(?P<digest>[0-9a-f]{64})"
ROUTES = (
    ("GET", rf"/{_NAME}/resolve/{_AT}/(?P<path>.+)", Routes.resolve),
    ("GET", _LARGE, Routes.download),
    ("GET", rf"/api/models/{_NAME}", Routes.info),
    ("GET", rf"/api/models/{_NAME}/revision/{_AT}", Routes.info),
    ("GET", rf"/api/models/{_NAME}/tree/{_AT}", Routes.tree),
    ("POST", rf"/api/models/{_NAME}/paths-info/{_AT}", Routes.paths_info),
    ("GET", rf"/api/models/{_NAME}/refs", Routes.refs),
    ("GET", "/api/whoami-v2", Routes.whoami),
    ("POST", "/api/repos/create", Routes.create),
    ("POST", "/api/validate-yaml", Routes.check_card),
    ("POST", rf"/api/models/{_NAME}/preupload/{_AT}", Routes.preupload),
    ("POST", rf"/{_NAME}\.git/info/lfs/objects/batch", Routes.batch),
    ("PUT", _LARGE, Routes.upload),
    ("POST", rf"/{_NAME}\.git/verify", Routes.check_upload),
    ("POST", rf"/api/models/{_NAME}/commit/{_AT}", Routes.add),
)
