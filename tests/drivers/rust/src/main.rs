//! What tokio-postgres does by itself. Prints "ok NAME" or "not ok NAME: why" for each step.

use std::{env, error::Error, future::Future, sync::Arc, time::Duration};

use futures_util::{pin_mut, TryStreamExt};
use rustls::{
    pki_types::{pem::PemObject, CertificateDer},
    ClientConfig, RootCertStore,
};
use tokio_postgres::{config::SslMode, types::ToSql, Client, Config, IsolationLevel, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

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

fn config(host: &str, port: &str) -> Result<Config, Box<dyn Error>> {
    let mut config = Config::new();
    config
        .host(host)
        .port(port.parse()?)
        .user(variable("PGUSER"))
        .password(variable("PGPASSWORD"))
        .dbname(variable("PGDATABASE"))
        .options(variable("PGOPTIONS"));
    Ok(config)
}

async fn connect() -> Result<Client, Box<dyn Error>> {
    let config = config(&variable("PGHOST"), &variable("PGPORT"))?;
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// By rustls, which always verifies the host's name.
async fn connect_securely(host: &str) -> Result<Client, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(variable("TLS_ROOT"))?)?;
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = config(host, &variable("TLS_PORT"))?;
    config.ssl_mode(SslMode::Require);
    let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
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

async fn after_a_denial() -> Outcome {
    let mut client = connect().await?;
    let transaction = client.transaction().await?;
    refused(
        transaction.batch_execute("DELETE FROM person").await,
        "25006",
        "RG-W05",
    )?;
    transaction.rollback().await?;
    let transaction = client.transaction().await?;
    transaction.query_one(READ, &[&PATIENT]).await?;
    transaction.commit().await?;
    Ok(())
}

async fn large() -> Outcome {
    let client = connect().await?;
    let none: [&(dyn ToSql + Sync); 0] = [];
    let rows = client.query_raw(&variable("LARGE"), none).await?;
    pin_mut!(rows);
    let mut count = 0;
    while rows.try_next().await?.is_some() {
        count += 1;
    }
    expect(count.to_string() == variable("LARGE_ROWS"), "not all rows")?;
    client.simple_query("SELECT * FROM clinical_event").await?;
    Ok(())
}

async fn tls() -> Outcome {
    let client = connect_securely("localhost").await?;
    patient(&client).await?;
    refused(
        client.batch_execute("DELETE FROM person").await,
        "25006",
        "RG-W05",
    )?;
    let stranger = connect_securely("127.0.0.1").await;
    let error = stranger.err().ok_or("a certificate for another host was believed")?;
    expect(format!("{error:?}").contains("NotValidForName"), &format!("{error:?}"))
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
    report("after a denial", after_a_denial()).await;
    report("large", large()).await;
    report("tls", tls()).await;
    report("pipeline", pipelined()).await;
    report("cancel", cancelled()).await;
}
