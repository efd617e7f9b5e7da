//! What tokio-postgres does by itself. Prints "ok NAME" or "not ok NAME: why" for each step.

use std::{env, error::Error, future::Future, time::Duration};

use futures_util::{pin_mut, TryStreamExt};
use tokio_postgres::{types::ToSql, Client, IsolationLevel, NoTls};

type Outcome = Result<(), Box<dyn Error>>;

const READ: &str = "SELECT name_last FROM person WHERE person_id = $1";
const PATIENT: i64 = 900_001;

fn expect(condition: bool, what: &str) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(what.into())
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

async fn connect() -> Result<Client, Box<dyn Error>> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(variable("PGHOST"))
        .port(variable("PGPORT").parse()?)
        .user(variable("PGUSER"))
        .password(variable("PGPASSWORD"))
        .dbname(variable("PGDATABASE"))
        .options(variable("PGOPTIONS"));
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn patient(client: &Client) -> Outcome {
    let name: String = client.query_one(READ, &[&PATIENT]).await?.get(0);
    expect(name == "Tolvansson", &name)
}

fn refused<T>(result: Result<T, tokio_postgres::Error>, sqlstate: &str, code: &str) -> Outcome {
    let error = result.err().ok_or("not refused")?;
    let told = error.as_db_error().ok_or("not the server's error")?;
    expect(
        told.code().code() == sqlstate && told.message().contains(code),
        &told.to_string(),
    )
}

async fn parameters() -> Outcome {
    let client = connect().await?;
    patient(&client).await?;
    client.check_connection().await?;
    client
        .query(
            "SELECT p.*, 'person'::regclass::oid FROM person AS p LIMIT 3",
            &[],
        )
        .await?;
    Ok(())
}

async fn prepared() -> Outcome {
    let client = connect().await?;
    let statement = client.prepare(READ).await?;
    for _ in 0..10 {
        client.query_one(&statement, &[&PATIENT]).await?;
    }
    Ok(())
}

/// A type that the driver does not know makes it ask pg_type, and for a composite pg_attribute.
async fn types() -> Outcome {
    let client = connect().await?;
    client.prepare("SELECT a FROM allergy AS a").await?;
    client
        .prepare("SELECT 'YES'::information_schema.yes_or_no, array_agg(p) FROM person AS p")
        .await?;
    client
        .prepare("SELECT int4range(1, 3), int4multirange(int4range(1, 3)), ARRAY[1]")
        .await?;
    Ok(())
}

async fn denied() -> Outcome {
    let client = connect().await?;
    refused(
        client.batch_execute("DELETE FROM person").await,
        "25006",
        "RG-W05",
    )?;
    refused(
        client
            .execute("DELETE FROM person WHERE person_id = $1", &[&PATIENT])
            .await,
        "25006",
        "RG-W05",
    )?;
    refused(
        client
            .copy_in::<_, &[u8]>("COPY visit_log FROM STDIN")
            .await,
        "25006",
        "RG-W04",
    )?;
    patient(&client).await
}

async fn transactions() -> Outcome {
    let mut client = connect().await?;
    let transaction = client.transaction().await?;
    transaction.query_one(READ, &[&PATIENT]).await?;
    transaction.commit().await?;
    let builder = client
        .build_transaction()
        .isolation_level(IsolationLevel::Serializable);
    let mut transaction = builder.read_only(true).deferrable(true).start().await?;
    let inner = transaction.savepoint("s").await?;
    inner.query_one(READ, &[&PATIENT]).await?;
    inner.rollback().await?;
    let portal = transaction
        .bind("SELECT * FROM clinical_event", &[])
        .await?;
    expect(
        transaction.query_portal(&portal, 100).await?.len() == 100,
        "not a hundred rows",
    )?;
    transaction.commit().await?;
    Ok(())
}

async fn large() -> Outcome {
    let client = connect().await?;
    let none: [&(dyn ToSql + Sync); 0] = [];
    let rows = client
        .query_raw("SELECT * FROM clinical_event", none)
        .await?;
    pin_mut!(rows);
    let mut count = 0;
    while rows.try_next().await?.is_some() {
        count += 1;
    }
    expect(count.to_string() == variable("EVENTS"), "not all rows")?;
    client.simple_query("SELECT * FROM clinical_event").await?;
    Ok(())
}

async fn pipelined() -> Outcome {
    let client = connect().await?;
    let (one, two, three) = tokio::join!(patient(&client), patient(&client), patient(&client));
    one.and(two).and(three)
}

async fn cancelled() -> Outcome {
    let client = connect().await?;
    let token = client.cancel_token();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(NoTls).await
    });
    refused(
        client.batch_execute(&variable("ENDLESS")).await,
        "57014",
        "canceling",
    )?;
    patient(&client).await
}

async fn report(name: &str, step: impl Future<Output = Outcome>) {
    match step.await {
        Ok(()) => println!("ok {name}"),
        Err(error) => println!("not ok {name}: {error:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    report("parameters", parameters()).await;
    report("prepared", prepared()).await;
    report("types", types()).await;
    report("refused", denied()).await;
    report("transactions", transactions()).await;
    report("large", large()).await;
    report("pipeline", pipelined()).await;
    report("cancel", cancelled()).await;
}
