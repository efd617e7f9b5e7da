// What pgx v5 and lib/pq do by themselves. Prints "ok NAME" or "not ok NAME: why" for each step.
package main

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
)

const (
	read   = "SELECT name_last FROM person WHERE person_id = $1"
	remove = "DELETE FROM person WHERE person_id = $1"
)

var (
	background = context.Background()
	events, _  = strconv.Atoi(os.Getenv("EVENTS"))
	endless    = os.Getenv("ENDLESS")
	large      = os.Getenv("LARGE")
	rows, _    = strconv.Atoi(os.Getenv("LARGE_ROWS"))
)

func report(name string, err error) {
	if err == nil {
		fmt.Println("ok", name)
	} else {
		fmt.Println("not ok", name+":", strings.ReplaceAll(err.Error(), "\n", " "))
	}
}

func expect(condition bool, what string) error {
	if condition {
		return nil
	}
	return errors.New(what)
}

func refused(err error) error {
	var modern *pgconn.PgError
	var classic *pq.Error
	state, message := "", ""
	if errors.As(err, &modern) {
		state, message = modern.Code, modern.Message
	} else if errors.As(err, &classic) {
		state, message = string(classic.Code), classic.Message
	}
	return expect(state == "25006" && strings.Contains(message, "RG-W05"), fmt.Sprint("not refused: ", err))
}

func patient(connection *pgx.Conn) error {
	var name string
	if err := connection.QueryRow(background, read, 900001).Scan(&name); err != nil {
		return err
	}
	return expect(name == "Tolvansson", name)
}

func secure(host string) string {
	return fmt.Sprintf("host=%s port=%s sslmode=verify-full sslrootcert=%s", host, os.Getenv("TLS_PORT"), os.Getenv("TLS_ROOT"))
}

// unbelieved is nil when a certificate for another host was the reason of an error.
func unbelieved(err error) error {
	var name x509.HostnameError
	return expect(errors.As(err, &name), fmt.Sprint("believed: ", err))
}

func withPgx(mode string, work func(*pgx.Conn) error) error {
	connection, err := pgx.Connect(background, "default_query_exec_mode="+mode)
	if err != nil {
		return err
	}
	defer connection.Close(background)
	return work(connection)
}

func pgxSteps() {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		report("pgx "+mode, withPgx(mode, func(connection *pgx.Conn) error {
			for range 5 {
				if err := patient(connection); err != nil {
					return err
				}
			}
			rows, err := connection.Query(background, "SELECT * FROM clinical_event")
			if err != nil {
				return err
			}
			count := 0
			for rows.Next() {
				count++
			}
			if err := errors.Join(rows.Err(), expect(count == events, "too few rows")); err != nil {
				return err
			}
			_, err = connection.Exec(background, remove, 900001)
			return errors.Join(refused(err), patient(connection))
		}))
	}
	report("pgx transactions", withPgx("cache_statement", func(connection *pgx.Conn) error {
		for _, options := range []pgx.TxOptions{
			{}, {AccessMode: pgx.ReadOnly}, {IsoLevel: pgx.RepeatableRead},
			{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.Deferrable},
		} {
			if err := pgx.BeginTxFunc(background, connection, options, func(outer pgx.Tx) error {
				return pgx.BeginFunc(background, outer, func(inner pgx.Tx) error {
					_, err := inner.Exec(background, "SELECT 1")
					return err
				})
			}); err != nil {
				return err
			}
		}
		return patient(connection)
	}))
	report("pgx after a denial", withPgx("cache_statement", func(connection *pgx.Conn) error {
		denied := pgx.BeginFunc(background, connection, func(transaction pgx.Tx) error {
			_, err := transaction.Exec(background, remove, 900001)
			return err
		})
		return errors.Join(refused(denied), pgx.BeginFunc(background, connection, func(transaction pgx.Tx) error {
			return patient(transaction.Conn())
		}))
	}))
	report("pgx large", withPgx("cache_statement", func(connection *pgx.Conn) error {
		result, err := connection.Query(background, large)
		if err != nil {
			return err
		}
		count := 0
		for result.Next() {
			count += len(result.RawValues()[1])
		}
		return errors.Join(result.Err(), expect(count == 400*rows, "not all rows"))
	}))
	report("pgx tls", func() error {
		connection, err := pgx.Connect(background, secure("localhost"))
		if err != nil {
			return err
		}
		defer connection.Close(background)
		_, denied := connection.Exec(background, remove, 900001)
		_, stranger := pgx.Connect(background, secure("127.0.0.1"))
		return errors.Join(patient(connection), refused(denied), unbelieved(stranger))
	}())
	report("pgx batch", withPgx("cache_statement", func(connection *pgx.Conn) error {
		batch := &pgx.Batch{}
		for range 30 {
			batch.Queue(read, 900001)
		}
		if err := connection.SendBatch(background, batch).Close(); err != nil {
			return err
		}
		batch = &pgx.Batch{}
		batch.Queue(read, 900001)
		batch.Queue(remove, 900001)
		return errors.Join(refused(connection.SendBatch(background, batch).Close()), patient(connection))
	}))
	report("pgx types", withPgx("cache_statement", func(connection *pgx.Conn) error {
		_, err := connection.LoadType(background, "millennium.person")
		if err == nil {
			_, err = connection.LoadTypes(background, []string{"millennium.person", "millennium.allergy"})
		}
		return err
	}))
	report("pgx prepare", withPgx("cache_statement", func(connection *pgx.Conn) error {
		_, err := connection.Prepare(background, "one", read)
		for range 3 {
			_, again := connection.Exec(background, "one", 900001)
			err = errors.Join(err, again)
		}
		return errors.Join(err, connection.Deallocate(background, "one"), connection.DeallocateAll(background))
	}))
	report("pgx copy in refused", withPgx("cache_statement", func(connection *pgx.Conn) error {
		rows := pgx.CopyFromRows([][]any{{1, 1}})
		_, err := connection.CopyFrom(background, pgx.Identifier{"visit_log"}, []string{"visit_log_id", "person_id"}, rows)
		var refusal *pgconn.PgError
		return errors.Join(expect(errors.As(err, &refusal) && refusal.Code == "25006", fmt.Sprint(err)), patient(connection))
	}))
	report("pgx listen", withPgx("cache_statement", func(connection *pgx.Conn) error {
		_, err := connection.Exec(background, "LISTEN news")
		return errors.Join(err, connection.Ping(background))
	}))
	report("pgx cancel", withPgx("cache_statement", func(connection *pgx.Conn) error {
		time.AfterFunc(300*time.Millisecond, func() { _ = connection.PgConn().CancelRequest(background) })
		_, err := connection.Exec(background, endless)
		var cancelled *pgconn.PgError
		return errors.Join(expect(errors.As(err, &cancelled) && cancelled.Code == "57014", fmt.Sprint(err)), patient(connection))
	}))
	report("pgx pool", func() error {
		pool, err := pgxpool.New(background, "pool_max_conns=3")
		if err != nil {
			return err
		}
		defer pool.Close()
		return pool.AcquireFunc(background, func(held *pgxpool.Conn) error { return patient(held.Conn()) })
	}())
}

func sqlSteps(name, driver, dsn string) {
	database, err := sql.Open(driver, dsn)
	if err == nil {
		err = database.Ping()
	}
	report(name+" connect", err)
	if err != nil {
		return
	}
	defer database.Close()
	named := func(asker interface {
		QueryRow(query string, arguments ...any) *sql.Row
	}) error {
		var name string
		if err := asker.QueryRow(read, 900001).Scan(&name); err != nil {
			return err
		}
		return expect(name == "Tolvansson", name)
	}
	report(name+" parameters", named(database))
	report(name+" prepared", func() error {
		statement, err := database.Prepare(read)
		if err != nil {
			return err
		}
		defer statement.Close()
		for range 5 {
			var name string
			err = errors.Join(err, statement.QueryRow(900001).Scan(&name))
		}
		return err
	}())
	report(name+" large", func() error {
		result, err := database.Query(large)
		if err != nil {
			return err
		}
		defer result.Close()
		if _, err := result.ColumnTypes(); err != nil {
			return err
		}
		count := 0
		for result.Next() {
			count++
		}
		return errors.Join(result.Err(), expect(count == rows, "not all rows"))
	}())
	report(name+" after a denial", func() error {
		begin := func() (*sql.Tx, error) { return database.BeginTx(background, &sql.TxOptions{ReadOnly: true}) }
		transaction, err := begin()
		if err != nil {
			return err
		}
		_, denied := transaction.Exec(remove, 900001)
		if err := errors.Join(refused(denied), transaction.Rollback()); err != nil {
			return err
		}
		transaction, err = begin()
		if err != nil {
			return err
		}
		return errors.Join(named(transaction), transaction.Commit())
	}())
	report(name+" tls", func() error {
		believed, err := sql.Open(driver, secure("localhost"))
		if err != nil {
			return err
		}
		defer believed.Close()
		stranger, err := sql.Open(driver, secure("127.0.0.1"))
		if err != nil {
			return err
		}
		defer stranger.Close()
		_, denied := believed.Exec("DELETE FROM person")
		return errors.Join(named(believed), refused(denied), unbelieved(stranger.Ping()))
	}())
	report(name+" refused", func() error {
		_, plain := database.Exec("DELETE FROM person")
		_, bound := database.Exec(remove, 900001)
		return errors.Join(refused(plain), refused(bound), named(database))
	}())
	report(name+" transactions", func() error {
		for _, options := range []*sql.TxOptions{nil, {ReadOnly: true}, {Isolation: sql.LevelSerializable, ReadOnly: true}} {
			transaction, err := database.BeginTx(background, options)
			if err != nil {
				return err
			}
			if err := errors.Join(named(transaction), transaction.Commit()); err != nil {
				return err
			}
		}
		return nil
	}())
	report(name+" cancel", func() error {
		limited, stop := context.WithTimeout(background, 300*time.Millisecond)
		defer stop()
		_, err := database.ExecContext(limited, endless)
		return errors.Join(expect(err != nil, "not cancelled"), named(database))
	}())
}

func main() {
	pgxSteps()
	sqlSteps("pgx by database/sql", "pgx", "")
	sqlSteps("pq", "postgres", "sslmode=disable")
}
