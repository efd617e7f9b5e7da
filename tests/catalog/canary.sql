-- What is written when a trap springs.
CREATE SCHEMA canary;
CREATE TABLE canary.written (n int);
CREATE SEQUENCE canary.counter;
CREATE FUNCTION canary.poke() RETURNS int LANGUAGE plpgsql VOLATILE AS
    $$ BEGIN INSERT INTO canary.written VALUES (1); RETURN 1; END $$;
CREATE FUNCTION canary.poke(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
GRANT USAGE ON SCHEMA canary TO reader;
GRANT INSERT, SELECT ON canary.written TO reader;
GRANT ALL ON canary.counter TO reader;
