CREATE TABLE blobs (
	no INTEGER NOT NULL,
	digest BLOB NOT NULL,
	size INTEGER NOT NULL,
	data BLOB NOT NULL,
	PRIMARY KEY (no),
	UNIQUE (digest)
);
CREATE TABLE commits (
	id INTEGER NOT NULL,
	at FLOAT NOT NULL,
	first_seq INTEGER NOT NULL,
	event_count INTEGER NOT NULL,
	status VARCHAR NOT NULL,
	events BLOB NOT NULL,
	delta BLOB NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE evidence (
	seq INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	prev_hash VARCHAR NOT NULL,
	hash VARCHAR NOT NULL,
	erased BOOLEAN NOT NULL,
	note VARCHAR,
	PRIMARY KEY (seq)
);
CREATE TABLE executions (
	id INTEGER NOT NULL,
	place INTEGER NOT NULL,
	run_no INTEGER NOT NULL,
	at FLOAT NOT NULL,
	task VARCHAR NOT NULL,
	node VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	duration_s FLOAT NOT NULL,
	attempt INTEGER NOT NULL,
	code VARCHAR NOT NULL,
	message VARCHAR NOT NULL,
	PRIMARY KEY (id, place)
)
 WITHOUT ROWID;
CREATE INDEX executions_by_node ON executions (node, at);
CREATE INDEX executions_by_run ON executions (run_no, at);
CREATE INDEX executions_by_time ON executions (at);
CREATE INDEX executions_rare ON executions (status, at) WHERE status <> 'done';
CREATE INDEX executions_rare_by_node ON executions (node, status, at) WHERE status <> 'done';
CREATE INDEX executions_rare_by_run ON executions (run_no, status, at) WHERE status <> 'done';
CREATE TABLE frames (
	id INTEGER NOT NULL,
	state BLOB NOT NULL,
	"view" BLOB,
	PRIMARY KEY (id)
);
CREATE TABLE kept_results (
	"key" BLOB NOT NULL,
	run VARCHAR NOT NULL,
	workflow_id VARCHAR NOT NULL,
	node VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	expires_at FLOAT,
	used_at FLOAT NOT NULL,
	size INTEGER NOT NULL,
	hits INTEGER NOT NULL,
	result BLOB NOT NULL,
	PRIMARY KEY ("key")
);
CREATE INDEX kept_results_by_use ON kept_results (used_at, size);
CREATE INDEX kept_results_over ON kept_results (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE requests (
	no INTEGER NOT NULL,
	id VARCHAR NOT NULL,
	run VARCHAR NOT NULL,
	task VARCHAR NOT NULL,
	node VARCHAR NOT NULL,
	workflow VARCHAR NOT NULL,
	revision VARCHAR NOT NULL,
	content BLOB NOT NULL,
	digest VARCHAR NOT NULL,
	opened_at FLOAT NOT NULL,
	deadline FLOAT,
	status VARCHAR NOT NULL,
	decision_no INTEGER,
	PRIMARY KEY (no),
	UNIQUE (id)
);
CREATE INDEX requests_by_run ON requests (run);
CREATE INDEX requests_open ON requests (deadline) WHERE status = 'open';
CREATE TABLE rules (
	no INTEGER NOT NULL,
	id VARCHAR NOT NULL,
	workflow_id VARCHAR NOT NULL,
	workflow VARCHAR NOT NULL,
	run VARCHAR NOT NULL,
	node VARCHAR NOT NULL,
	task VARCHAR NOT NULL,
	revision VARCHAR NOT NULL,
	choice VARCHAR NOT NULL,
	reroute_to VARCHAR NOT NULL,
	comment VARCHAR NOT NULL,
	made_by VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	max_uses INTEGER,
	expires_at FLOAT,
	uses INTEGER NOT NULL,
	revoked_at FLOAT,
	revoked_by VARCHAR NOT NULL,
	PRIMARY KEY (no),
	UNIQUE (id)
);
CREATE INDEX rules_by_workflow ON rules (workflow_id);
CREATE TABLE signals (
	no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	run VARCHAR NOT NULL,
	payload BLOB NOT NULL,
	at FLOAT NOT NULL,
	expires_at FLOAT NOT NULL,
	sent_by VARCHAR NOT NULL,
	through VARCHAR NOT NULL,
	source_run VARCHAR NOT NULL,
	source_task VARCHAR NOT NULL,
	UNIQUE (id)
);
CREATE INDEX signals_by_run ON signals (run, no);
CREATE TABLE triggers (
	no INTEGER NOT NULL,
	source VARCHAR NOT NULL,
	node VARCHAR NOT NULL,
	type VARCHAR NOT NULL,
	workflow_id VARCHAR NOT NULL,
	workflow VARCHAR NOT NULL,
	settings BLOB NOT NULL,
	overlap VARCHAR NOT NULL,
	armed BOOLEAN NOT NULL,
	armed_at FLOAT NOT NULL,
	seen FLOAT NOT NULL,
	next_due FLOAT,
	last_fired FLOAT,
	memory BLOB NOT NULL,
	turn INTEGER NOT NULL,
	problem VARCHAR NOT NULL,
	PRIMARY KEY (no)
);
CREATE UNIQUE INDEX triggers_by_node ON triggers (source, node);
CREATE TABLE blob_uses (
	kind VARCHAR NOT NULL,
	owner INTEGER NOT NULL,
	blob_no INTEGER NOT NULL,
	PRIMARY KEY (kind, owner, blob_no),
	FOREIGN KEY(blob_no) REFERENCES blobs (no)
)
 WITHOUT ROWID;
CREATE INDEX blob_uses_by_blob ON blob_uses (blob_no);
CREATE TABLE decisions (
	no INTEGER NOT NULL,
	request VARCHAR NOT NULL,
	run VARCHAR NOT NULL,
	choice VARCHAR NOT NULL,
	decided_by VARCHAR NOT NULL,
	through VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	digest_seen VARCHAR NOT NULL,
	accepted BOOLEAN NOT NULL,
	reason VARCHAR NOT NULL,
	comment VARCHAR NOT NULL,
	edited BLOB,
	reroute_to VARCHAR NOT NULL,
	admitted BOOLEAN NOT NULL,
	PRIMARY KEY (no),
	FOREIGN KEY(request) REFERENCES requests (id)
);
CREATE INDEX decisions_by_request ON decisions (request);
CREATE INDEX decisions_by_run ON decisions (run);
CREATE TABLE firings (
	no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	trigger_no INTEGER NOT NULL,
	"key" VARCHAR NOT NULL,
	run VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	due_at FLOAT NOT NULL,
	status VARCHAR NOT NULL,
	reason VARCHAR NOT NULL,
	payload BLOB NOT NULL,
	host VARCHAR NOT NULL,
	pid INTEGER,
	boot VARCHAR NOT NULL,
	process_started FLOAT NOT NULL,
	claimed_at FLOAT NOT NULL,
	FOREIGN KEY(trigger_no) REFERENCES triggers (no) ON DELETE CASCADE
);
CREATE UNIQUE INDEX firings_by_key ON firings (trigger_no, "key");
CREATE INDEX firings_open ON firings (trigger_no, no) WHERE status IN ('waiting', 'claimed', 'started');
CREATE TABLE runs (
	no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	workflow_id VARCHAR NOT NULL,
	workflow VARCHAR NOT NULL,
	revision VARCHAR NOT NULL,
	title VARCHAR NOT NULL,
	source_path VARCHAR NOT NULL,
	document_no INTEGER NOT NULL,
	input BLOB NOT NULL,
	seed INTEGER NOT NULL,
	started_at FLOAT NOT NULL,
	ended_at FLOAT,
	status VARCHAR NOT NULL,
	next_due FLOAT,
	legs INTEGER NOT NULL,
	parent VARCHAR,
	parent_commit INTEGER,
	untrusted BOOLEAN NOT NULL,
	session VARCHAR NOT NULL,
	start_trigger VARCHAR NOT NULL,
	granted VARCHAR NOT NULL,
	caller VARCHAR NOT NULL,
	caller_task VARCHAR NOT NULL,
	call_mode VARCHAR NOT NULL,
	depth INTEGER NOT NULL,
	begins BLOB,
	signals_after INTEGER NOT NULL,
	listed_upto INTEGER NOT NULL,
	is_listed BOOLEAN NOT NULL,
	UNIQUE (id),
	FOREIGN KEY(document_no) REFERENCES blobs (no)
);
CREATE INDEX runs_by_caller ON runs (caller) WHERE caller <> '';
CREATE INDEX runs_by_session ON runs (session) WHERE session != '';
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_by_workflow ON runs (workflow_id, started_at);
CREATE INDEX runs_due ON runs (next_due) WHERE next_due IS NOT NULL;
CREATE UNIQUE INDEX runs_open_in_session ON runs (session) WHERE session != '' AND status NOT IN ('completed', 'failed', 'cancelled');
CREATE INDEX runs_unlisted ON runs (no) WHERE is_listed = 0;
CREATE TABLE checkpoints (
	run_no INTEGER NOT NULL,
	number INTEGER NOT NULL,
	name VARCHAR NOT NULL,
	PRIMARY KEY (run_no, number),
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE TABLE claims (
	run_no INTEGER NOT NULL,
	task VARCHAR NOT NULL,
	attempt INTEGER NOT NULL,
	at FLOAT NOT NULL,
	PRIMARY KEY (run_no, task),
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE TABLE commands (
	no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	run_no INTEGER NOT NULL,
	at FLOAT NOT NULL,
	body BLOB NOT NULL,
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE
);
CREATE INDEX commands_by_run ON commands (run_no, no);
CREATE TABLE documents (
	run_no INTEGER NOT NULL,
	until INTEGER NOT NULL,
	document_no INTEGER NOT NULL,
	PRIMARY KEY (run_no, until),
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE,
	FOREIGN KEY(document_no) REFERENCES blobs (no)
)
 WITHOUT ROWID;
CREATE TABLE journal (
	run_no INTEGER NOT NULL,
	task VARCHAR NOT NULL,
	attempt INTEGER NOT NULL,
	at FLOAT NOT NULL,
	result BLOB NOT NULL,
	PRIMARY KEY (run_no, task, attempt),
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE TABLE leases (
	run_no INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	host VARCHAR NOT NULL,
	pid INTEGER,
	boot VARCHAR NOT NULL,
	process_started FLOAT NOT NULL,
	heartbeat_at FLOAT NOT NULL,
	PRIMARY KEY (run_no),
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE
);
CREATE TABLE listeners (
	run_no INTEGER NOT NULL,
	task VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	opened_at FLOAT NOT NULL,
	due_at FLOAT,
	PRIMARY KEY (run_no, task),
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE INDEX listeners_by_name ON listeners (name);
CREATE TABLE signal_takes (
	signal_no INTEGER NOT NULL,
	run_no INTEGER NOT NULL,
	task VARCHAR NOT NULL,
	PRIMARY KEY (signal_no, run_no),
	FOREIGN KEY(signal_no) REFERENCES signals (no),
	FOREIGN KEY(run_no) REFERENCES runs (no) ON DELETE CASCADE
)
 WITHOUT ROWID;
