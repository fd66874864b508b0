-- Layout 6 on PostgreSQL: the jobs of layout 1, as evolver-tui of that time brought them up to date. Never changed.
CREATE TABLE chat_turn (
	id BIGSERIAL NOT NULL,
	chat TEXT NOT NULL,
	message_id TEXT NOT NULL,
	role TEXT NOT NULL,
	text_json TEXT NOT NULL,
	end_json TEXT NOT NULL,
	at DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (chat, message_id, role)
);
CREATE TABLE job (
	seq BIGSERIAL NOT NULL,
	task_id TEXT NOT NULL,
	task_name TEXT NOT NULL,
	task_type TEXT NOT NULL,
	priority TEXT NOT NULL,
	state TEXT NOT NULL,
	outcome TEXT,
	asks TEXT,
	rank BIGINT NOT NULL,
	since DOUBLE PRECISION NOT NULL,
	node TEXT NOT NULL,
	error TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	fence BIGINT NOT NULL,
	lease_owner TEXT,
	lease_expires DOUBLE PRECISION,
	received_at DOUBLE PRECISION NOT NULL,
	session_id TEXT NOT NULL,
	routine TEXT DEFAULT '' NOT NULL,
	source_hash TEXT DEFAULT '' NOT NULL,
	pause_reason TEXT DEFAULT '' NOT NULL,
	deferred_json TEXT DEFAULT '' NOT NULL,
	shared_json TEXT DEFAULT '' NOT NULL,
	bundle TEXT DEFAULT '' NOT NULL,
	raw_json TEXT NOT NULL,
	takeovers INTEGER DEFAULT 0 NOT NULL,
	marks_json TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (seq),
	UNIQUE (task_id)
);
CREATE TABLE training_point (
	session TEXT NOT NULL,
	number BIGINT NOT NULL,
	model BIGINT NOT NULL,
	step BIGINT NOT NULL,
	metrics_json TEXT NOT NULL,
	PRIMARY KEY (session, number)
);
CREATE TABLE training_session (
	id TEXT NOT NULL,
	state_json TEXT NOT NULL,
	next_line BIGINT NOT NULL,
	updated_at DOUBLE PRECISION NOT NULL,
	ended_at DOUBLE PRECISION,
	PRIMARY KEY (id)
);
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (1, 'question', 'Name of question', 'summarize', 'medium', 'paused', NULL, 'question', 72059294038604464, 1700000676.528, '', '', 1, 1, NULL, NULL, 1700000676.517, 's', '', '', 'user_input', '', '', '', '{"id":"question","taskName":"Name of question","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (2, 'review', 'Name of review', 'summarize', 'medium', 'paused', NULL, 'review', 72059294038604471, 1700000676.535, '', '', 1, 1, NULL, NULL, 1700000676.532, 's', '', '', 'review', '', '', '', '{"id":"review","taskName":"Name of review","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (3, 'answered', 'Name of answered', 'summarize', 'medium', 'pending', NULL, NULL, 216172782113783811, 1700000676.566, '', '', 1, 1, NULL, NULL, 1700000676.536, 's', '', '', '', '', '', '', '{"id":"answered","taskName":"Name of answered","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (4, 'approved', 'Name of approved', 'summarize', 'medium', 'completed', 'approved', NULL, 288246268337079616, 1700000676.543, 'a_node v1', '', 1, 1, NULL, NULL, 1700000676.541, 's', '', '', '', '', '', '', '{"id":"approved","taskName":"Name of approved","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (5, 'rejected', 'Name of rejected', 'summarize', 'medium', 'completed', 'rejected', NULL, 288246268337079613, 1700000676.547, '', '', 1, 1, NULL, NULL, 1700000676.545, 's', '', '', '', '', '', '', '{"id":"rejected","taskName":"Name of rejected","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (6, 'failed', 'Name of failed', 'summarize', 'medium', 'failed', NULL, NULL, 288246268337079608, 1700000676.551, '', 'No model answered.', 1, 1, NULL, NULL, 1700000676.549, 's', '', '', '', '', '', '', '{"id":"failed","taskName":"Name of failed","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (7, 'cancelled', 'Name of cancelled', 'summarize', 'medium', 'cancelled', NULL, NULL, 288246268337079604, 1700000676.555, '', '', 1, 1, NULL, NULL, 1700000676.552, 's', '', '', '', '', '', '', '{"id":"cancelled","taskName":"Name of cancelled","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (8, 'retried', 'Name of retried', 'summarize', 'medium', 'pending', NULL, NULL, 216172782113783816, 1700000676.57, '', '', 2, 1, NULL, NULL, 1700000676.556, 's', '', '', '', '', '', '', '{"id":"retried","taskName":"Name of retried","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (9, 'skipped', 'Name of skipped', 'summarize', 'medium', 'completed', 'skipped', NULL, 288246268337079600, 1700000676.56, '', '', 1, 0, NULL, NULL, 1700000676.56, 's', '', '', '', '', '', '', '{"id":"skipped","taskName":"Name of skipped","llmTaskType":"summarize","priority":"medium","status":"completed"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (10, 'stored', 'Name of stored', 'summarize', 'medium', 'completed', 'stored', NULL, 288246268337079599, 1700000676.561, '', '', 1, 0, NULL, NULL, 1700000676.561, 's', '', '', '', '', '', '', '{"id":"stored","taskName":"Name of stored","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (11, 'running', 'Name of running', 'summarize', 'medium', 'running', NULL, NULL, 144115188075855883, 1700000676.563, '', '', 1, 1, 'another-host:1:1', 1700000736.563, 1700000676.562, 's', '', '', '', '', '', '', '{"id":"running","taskName":"Name of running","llmTaskType":"summarize","priority":"medium","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (12, 'low', 'Name of low', 'summarize', 'low', 'pending', NULL, NULL, 229683580995895308, 1700000676.573, '', '', 1, 0, NULL, NULL, 1700000676.573, 's', '', '', '', '', '', '', '{"id":"low","taskName":"Name of low","llmTaskType":"summarize","priority":"low","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (13, 'high', 'Name of high', 'summarize', 'high', 'pending', NULL, NULL, 220676381741154317, 1700000676.574, '', '', 1, 0, NULL, NULL, 1700000676.574, 's', '', '', '', '', '', '', '{"id":"high","taskName":"Name of high","llmTaskType":"summarize","priority":"high","status":"pending"}');
INSERT INTO job (seq, task_id, task_name, task_type, priority, state, outcome, asks, rank, since, node, error, attempt, fence, lease_owner, lease_expires, received_at, session_id, routine, source_hash, pause_reason, deferred_json, shared_json, bundle, raw_json) VALUES (14, 'été ''quoted'' \ % 🏴', 'Name of été ''quoted'' \ % 🏴', 'summarize', 'medium', 'pending', NULL, NULL, 225179981368524814, 1700000676.575, '', '', 1, 0, NULL, NULL, 1700000676.575, 's', '', '', '', '', '', '', '{"id":"\u00e9t\u00e9 ''quoted'' \\ % \ud83c\udff4","taskName":"Name of \u00e9t\u00e9 ''quoted'' \\ % \ud83c\udff4","llmTaskType":"summarize","priority":"medium","status":"pending"}');
CREATE INDEX job_queue ON job (rank, seq);
SELECT setval(pg_get_serial_sequence('job', 'seq'), (SELECT max(seq) FROM job));
CREATE TABLE migration (
	number SERIAL NOT NULL,
	name TEXT NOT NULL,
	at DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (number)
);
INSERT INTO migration (number, name, at) VALUES (1, 'jobs, journal, questions, sessions, signals', 1700000676.504);
INSERT INTO migration (number, name, at) VALUES (2, 'routines, moved jobs, a tally of several writers', 1795865810.179857);
INSERT INTO migration (number, name, at) VALUES (3, 'takings-over are counted', 1795865811.5);
INSERT INTO migration (number, name, at) VALUES (4, 'jobs are marked', 1795865811.5);
INSERT INTO migration (number, name, at) VALUES (5, 'chats are kept', 1795865811.5);
INSERT INTO migration (number, name, at) VALUES (6, 'training is kept', 1795865811.5);
SELECT setval(pg_get_serial_sequence('migration', 'number'), (SELECT max(number) FROM migration));
CREATE TABLE session (
	id TEXT NOT NULL,
	started_at DOUBLE PRECISION NOT NULL,
	ended_at DOUBLE PRECISION,
	hub_url TEXT NOT NULL,
	host TEXT NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO session (id, started_at, ended_at, hub_url, host) VALUES ('s', 1700000676.514, NULL, 'http://hub', 'host');
CREATE TABLE signal (
	seq BIGSERIAL NOT NULL,
	session_id TEXT NOT NULL,
	name TEXT NOT NULL,
	timestamp DOUBLE PRECISION NOT NULL,
	payload_json TEXT NOT NULL,
	context_json TEXT NOT NULL,
	PRIMARY KEY (seq)
);
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (1, 's', 'task.queued', 1.5, '{"task_id":"question"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (2, 's', 'routed', 0.0, '{"node":"a_node"}', '{}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (3, 's', 'question.asked', 0.0, '{}', '{}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (4, 's', 'task.queued', 1.5, '{"task_id":"review"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (5, 's', 'task.queued', 1.5, '{"task_id":"answered"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (6, 's', 'task.queued', 1.5, '{"task_id":"approved"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (7, 's', 'task.queued', 1.5, '{"task_id":"rejected"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (8, 's', 'task.queued', 1.5, '{"task_id":"failed"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (9, 's', 'task.queued', 1.5, '{"task_id":"cancelled"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (10, 's', 'task.queued', 1.5, '{"task_id":"retried"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (11, 's', 'task.queued', 1.5, '{"task_id":"running"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (12, 's', 'question.answered', 0.0, '{"by":"Ann"}', '{}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (13, 's', 'task.queued', 1.5, '{"task_id":"low"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (14, 's', 'task.queued', 1.5, '{"task_id":"high"}', '{"timestamp":1.5}');
INSERT INTO signal (seq, session_id, name, timestamp, payload_json, context_json) VALUES (15, 's', 'task.queued', 1.5, '{"task_id":"\u00e9t\u00e9 ''quoted'' \\ % \ud83c\udff4"}', '{"timestamp":1.5}');
CREATE INDEX signal_session ON signal (session_id, seq);
SELECT setval(pg_get_serial_sequence('signal', 'seq'), (SELECT max(seq) FROM signal));
CREATE TABLE tally (
	state TEXT NOT NULL,
	outcome TEXT NOT NULL,
	shard INTEGER NOT NULL,
	jobs BIGINT NOT NULL,
	PRIMARY KEY (state, outcome, shard)
);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('cancelled', '', 0, 1);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('completed', 'approved', 0, 1);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('completed', 'rejected', 0, 1);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('completed', 'skipped', 0, 1);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('completed', 'stored', 0, 1);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('failed', '', 0, 1);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('paused', '', 0, 2);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('pending', '', 0, 5);
INSERT INTO tally (state, outcome, shard, jobs) VALUES ('running', '', 0, 1);
CREATE TABLE journal (
	job BIGINT NOT NULL,
	name TEXT NOT NULL,
	value_json TEXT NOT NULL,
	digest TEXT DEFAULT '' NOT NULL,
	fence BIGINT NOT NULL,
	at DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (job, name),
	FOREIGN KEY(job) REFERENCES job (seq)
);
INSERT INTO journal (job, name, value_json, digest, fence, at) VALUES (1, 'route', '{"node":"a_node"}', '', 1, 1700000676.525);
INSERT INTO journal (job, name, value_json, digest, fence, at) VALUES (3, 'language', '{"action":"accept","content":{"to":"fr"}}', '', 1, 1700000676.566);
INSERT INTO journal (job, name, value_json, digest, fence, at) VALUES (3, 'route', '{"node":"b_node"}', '', 1, 1700000676.538);
INSERT INTO journal (job, name, value_json, digest, fence, at) VALUES (11, 'route', '{"node":"c_node"}', '', 1, 1700000676.565);
CREATE TABLE question (
	id BIGSERIAL NOT NULL,
	job BIGINT NOT NULL,
	name TEXT NOT NULL,
	kind TEXT NOT NULL,
	message TEXT NOT NULL,
	form_json TEXT NOT NULL,
	subject_json TEXT NOT NULL,
	asked_at DOUBLE PRECISION NOT NULL,
	answered_at DOUBLE PRECISION,
	answered_by TEXT,
	answer_json TEXT,
	PRIMARY KEY (id),
	UNIQUE (job, name),
	FOREIGN KEY(job) REFERENCES job (seq)
);
INSERT INTO question (id, job, name, kind, message, form_json, subject_json, asked_at, answered_at, answered_by, answer_json) VALUES (1, 1, 'language', 'question', 'Which language?', '{"type":"object","properties":{"to":{"type":"string"}}}', '{}', 1700000676.528, NULL, NULL, NULL);
INSERT INTO question (id, job, name, kind, message, form_json, subject_json, asked_at, answered_at, answered_by, answer_json) VALUES (2, 2, 'review', 'review', 'Good?', '{"type":"object","properties":{}}', '{"code":"print(''a'')"}', 1700000676.535, NULL, NULL, NULL);
INSERT INTO question (id, job, name, kind, message, form_json, subject_json, asked_at, answered_at, answered_by, answer_json) VALUES (3, 3, 'language', 'question', 'Which?', '{}', '{}', 1700000676.539, 1700000676.566, 'Ann', '{"action":"accept","content":{"to":"fr"}}');
SELECT setval(pg_get_serial_sequence('question', 'id'), (SELECT max(id) FROM question));
