use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, blob, boolean, boolean_null, double_null, integer, integer_null, string, string_null, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null,
};

/// ampx's tables.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(TaskTables),
        Box::new(AgentAndStep),
        Box::new(GateFindings),
        Box::new(AttemptSessions),
        Box::new(FindingStandings),
        Box::new(AttemptWalls),
        Box::new(AttemptReruns),
    ]
}

struct TaskTables;

impl MigrationName for TaskTables {
    fn name(&self) -> &'static str {
        "ampx_0001_task_tables"
    }
}

fn name(text: &'static str) -> Alias {
    Alias::new(text)
}

fn tasks() -> TableCreateStatement {
    Table::create()
        .table(name("ampx_tasks"))
        .col(string(name("id")).primary_key())
        .col(text(name("repo")))
        .col(text(name("target")))
        .col(string(name("branch")).unique_key())
        .col(string_null(name("base")))
        .col(string_null(name("base_sha")))
        .col(string(name("agent")))
        .col(string_null(name("thread_id")))
        .col(text(name("prompt")))
        .col(string(name("status")))
        .col(text(name("summary")))
        .col(string_null(name("ci_run_id")))
        .col(text_null(name("ci_url")))
        .col(integer(name("attempt_count")))
        .col(text_null(name("pr_url")))
        .col(text_null(name("branch_url")))
        .col(string_null(name("head_sha")))
        .col(string_null(name("pushed_sha")))
        .col(timestamp_with_time_zone_null(name("merged_at")))
        .col(string_null(name("merged_sha")))
        .col(text_null(name("auto_merge")))
        .col(text_null(name("merge_plan")))
        .col(integer(name("max_attempts")))
        .col(double_null(name("budget_usd")))
        .col(boolean(name("allow_test_edits")))
        .col(text(name("labels")))
        .col(string_null(name("run_id")))
        .col(string_null(name("idempotency_key")).unique_key())
        .col(string(name("created_by")))
        .col(timestamp_with_time_zone(name("created_at")))
        .col(timestamp_with_time_zone(name("updated_at")))
        .take()
}

fn attempts() -> TableCreateStatement {
    Table::create()
        .table(name("ampx_attempts"))
        .col(string(name("task_id")))
        .col(integer(name("number")))
        .col(text(name("prompt")))
        .col(string_null(name("head_sha")))
        .col(big_integer(name("input_tokens")).null())
        .col(big_integer(name("output_tokens")).null())
        .col(double_null(name("cost_usd")))
        .col(string_null(name("ci_verdict")))
        .col(text_null(name("log_excerpt")))
        .col(string_null(name("fingerprint")))
        .col(text_null(name("summary")))
        .col(timestamp_with_time_zone_null(name("started_at")))
        .col(timestamp_with_time_zone_null(name("finished_at")))
        .primary_key(Index::create().col(name("task_id")).col(name("number")))
        .take()
}

fn events() -> TableCreateStatement {
    Table::create()
        .table(name("ampx_events"))
        .col(big_integer(name("seq")).primary_key().auto_increment())
        .col(string(name("task_id")))
        .col(integer(name("attempt")))
        .col(string(name("kind")))
        .col(string(name("label")))
        .col(text(name("text")))
        .col(timestamp_with_time_zone(name("at")))
        .take()
}

fn commits() -> TableCreateStatement {
    Table::create()
        .table(name("ampx_commits"))
        .col(string(name("sha")).primary_key())
        .col(string(name("task_id")))
        .col(blob(name("packed")))
        .take()
}

#[async_trait]
impl MigrationTrait for TaskTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(tasks()).await?;
        manager.create_table(attempts()).await?;
        manager.create_table(events()).await?;
        manager.create_table(commits()).await?;
        for (index, table, columns) in [
            ("ampx_tasks_status", "ampx_tasks", ["status", "id"]),
            ("ampx_events_task", "ampx_events", ["task_id", "seq"]),
            ("ampx_commits_task", "ampx_commits", ["task_id", "sha"]),
        ] {
            let mut create = Index::create();
            create.name(index).table(name(table));
            for column in columns {
                create.col(name(column));
            }
            manager.create_index(create).await?;
        }
        Ok(())
    }
}

/// Whether somebody asked for the agent, and which long step of an attempt began last.
struct AgentAndStep;

impl MigrationName for AgentAndStep {
    fn name(&self) -> &'static str {
        "ampx_0002_agent_and_step"
    }
}

#[async_trait]
impl MigrationTrait for AgentAndStep {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Tasks from before keep the agent that they were given.
        let asked = boolean(name("agent_asked")).default(true).take();
        manager.alter_table(Table::alter().table(name("ampx_tasks")).add_column(asked).take()).await?;
        let entered = string_null(name("entered")).take();
        manager.alter_table(Table::alter().table(name("ampx_attempts")).add_column(entered).take()).await
    }
}

struct GateFindings;

impl MigrationName for GateFindings {
    fn name(&self) -> &'static str {
        "ampx_gate_findings"
    }
}

#[async_trait]
impl MigrationTrait for GateFindings {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(name("ampx_gate_findings"))
            .col(string(name("task_id")))
            .col(integer(name("attempt")))
            .col(integer(name("position")))
            .col(string(name("kind")))
            .col(text(name("path")))
            .col(integer_null(name("line")))
            .col(text_null(name("test")))
            .col(text(name("what")))
            .primary_key(Index::create().col(name("task_id")).col(name("attempt")).col(name("position")))
            .take();
        manager.create_table(table).await
    }
}

struct AttemptSessions;

impl MigrationName for AttemptSessions {
    fn name(&self) -> &'static str {
        "ampx_attempt_sessions"
    }
}

#[async_trait]
impl MigrationTrait for AttemptSessions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut alter = Table::alter();
        alter.table(name("ampx_attempts")).add_column(string_null(name("thread_id")));
        manager.alter_table(alter).await
    }
}

/// What a finding was found in, how it stands, and who let it pass.
struct FindingStandings;

impl MigrationName for FindingStandings {
    fn name(&self) -> &'static str {
        "ampx_finding_standings"
    }
}

#[async_trait]
impl MigrationTrait for FindingStandings {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            string_null(name("content")).take(),
            string(name("standing")).default("allowed").take(),
            text_null(name("accepted_by")).take(),
            timestamp_with_time_zone_null(name("accepted_at")).take(),
        ] {
            manager.alter_table(Table::alter().table(name("ampx_gate_findings")).add_column(column).take()).await?;
        }
        // What was held then was said in the attempt's summary alone.
        let held = "UPDATE ampx_gate_findings SET standing = 'held' WHERE EXISTS (SELECT 1 FROM ampx_attempts \
                    WHERE ampx_attempts.task_id = ampx_gate_findings.task_id \
                    AND ampx_attempts.number = ampx_gate_findings.attempt AND ampx_attempts.summary LIKE 'held:%')";
        manager.get_connection().execute_unprepared(held).await.map(drop)
    }
}

struct AttemptWalls;

impl MigrationName for AttemptWalls {
    fn name(&self) -> &'static str {
        "ampx_attempt_walls"
    }
}

#[async_trait]
impl MigrationTrait for AttemptWalls {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["agent_walls", "check_walls"] {
            let mut alter = Table::alter();
            alter.table(name("ampx_attempts")).add_column(text_null(name(column)));
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}

/// Whether an attempt's check was flaky, and whether its commit was pushed, which nobody knows of earlier ones.
struct AttemptReruns;

impl MigrationName for AttemptReruns {
    fn name(&self) -> &'static str {
        "ampx_attempt_reruns"
    }
}

#[async_trait]
impl MigrationTrait for AttemptReruns {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [boolean(name("flaky")).default(false).take(), boolean_null(name("pushed")).take()] {
            manager.alter_table(Table::alter().table(name("ampx_attempts")).add_column(column).take()).await?;
        }
        Ok(())
    }
}
