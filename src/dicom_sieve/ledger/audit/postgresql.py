"""The schema of a ledger on PostgreSQL, read alike from the catalogs of versions 14 to 18, with SELECT alone.

All catalogs are named with their schema, ``pg_catalog``, so that no object of another schema can replace them.
"""

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.audit.damage import Damage, Kind
from dicom_sieve.ledger.database.tables import metadata

_KINDS = {"r": "table", "v": "view", "S": "sequence"}
_RELATIONS = """
SELECT c.relkind, c.relname, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
       CASE c.relkind WHEN 'v' THEN pg_catalog.pg_get_viewdef(c.oid) END,
       CASE c.relkind WHEN 'v' THEN c.reloptions END
FROM pg_catalog.pg_class AS c WHERE c.relnamespace = :schema AND c.relkind NOT IN ('i', 't', 'I', 'c')
"""
_COLUMNS = """
SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname,
       a.attidentity, a.attgenerated, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       pg_catalog.row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE c.relnamespace = :schema AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
"""
_CONSTRAINTS = """
SELECT c.relname || '.' || k.conname, pg_catalog.pg_get_constraintdef(k.oid), k.convalidated
FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
WHERE c.relnamespace = :schema AND k.contype NOT IN ('n', 't')
"""
_INDEXES = """
SELECT c.relname, pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indislive
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
WHERE t.relnamespace = :schema
"""
_TRIGGERS = """
SELECT c.relname || '.' || t.tgname, pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled::text
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace = :schema AND NOT t.tgisinternal
"""
_DISABLED = """
SELECT DISTINCT c.relname || '.foreign keys', 'disabled'
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace = :schema AND t.tgisinternal AND t.tgenabled <> 'O'
"""
_FUNCTIONS = """
SELECT p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', p.prosrc, l.lanname, p.prokind,
       p.provolatile, p.prosecdef, p.proconfig, pg_catalog.format_type(p.prorettype, NULL)
FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = :schema AND NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
"""
_RULES = """
SELECT c.relname || '.' || r.rulename, pg_catalog.pg_get_ruledef(r.oid)
FROM pg_catalog.pg_rewrite AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
WHERE c.relnamespace = :schema AND r.rulename <> '_RETURN'
"""
_POLICIES = """
SELECT c.relname || '.' || p.polname, 'policy'
FROM pg_catalog.pg_policy AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace = :schema
"""
_CHILDREN = """
SELECT h.inhrelid::pg_catalog.regclass::text, c.relname
FROM pg_catalog.pg_inherits AS h JOIN pg_catalog.pg_class AS c ON c.oid = h.inhparent WHERE c.relnamespace = :schema
"""
_QUERIES = {
    "constraint": _CONSTRAINTS,
    "index": _INDEXES,
    "trigger": _TRIGGERS,
    "foreign key trigger": _DISABLED,
    "function": _FUNCTIONS,
    "rule": _RULES,
    "policy": _POLICIES,
    "inheriting table": _CHILDREN,
}
_ONE_TABLE = re.compile(r"\bFROM\s+(\w+)\s*(?=WHERE\b|GROUP\b|;|$)")
_SCHEMA = """
SELECT n.oid, n.nspname, pg_catalog.quote_ident(n.nspname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass('alembic_version')
"""
_CROWDED = """
SELECT n.nspname FROM pg_catalog.pg_namespace AS n
WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = ANY(:names))
   OR EXISTS (SELECT 1 FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = n.oid)
   OR EXISTS (SELECT 1 FROM pg_catalog.pg_operator AS o WHERE o.oprnamespace = n.oid)
"""
_SETTINGS = """
SELECT setting FROM pg_catalog.pg_db_role_setting AS s
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database() AND s.setdatabase IN (0, d.oid),
     pg_catalog.unnest(s.setconfig) AS setting
"""


def read_definitions(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """Read all definitions in the ledger's schema, without the schema's name."""
    schema = connection.execute(sa.text(_SCHEMA)).first()
    if schema is None:
        return {}
    oid, _, quoted = schema
    definitions: dict[tuple[str, str], str] = {}

    def add(kind: str, name: str, *definition: Any) -> None:
        definitions[kind, name] = " ".join(" ".join(map(str, definition)).replace(f"{quoted}.", "").split())

    for kind, name, *properties, view, options in connection.execute(sa.text(_RELATIONS), {"schema": oid}):
        add(_KINDS.get(_text(kind), "relation"), name, *map(_text, properties), plain_view(view or ""), options)
    for table, column, *definition in connection.execute(sa.text(_COLUMNS), {"schema": oid}):
        add("column", f"{table}.{column}", *map(_text, definition))
    for kind, query in _QUERIES.items():
        for name, *definition in connection.execute(sa.text(query), {"schema": oid}):
            add(kind, name, *map(_text, definition))
    return definitions


def _text(value: Any) -> Any:
    """Give a ``"char"`` of the catalogs as text, however the driver gives it."""
    return value.decode() if isinstance(value, bytes) else value


def plain_view(text: str) -> str:
    """Write a view of one table as PostgreSQL 16 and later do: its columns without the table's name."""
    tables = _ONE_TABLE.findall(text)
    return text.replace(f"{tables[0]}.", "") if len(tables) == text.count("FROM") == 1 else text


def find_shadows(connection: sa.Connection) -> Iterator[Damage]:
    """Name objects and settings that hide the ledger's own objects: for this connection, or by settings of roles."""
    schema = connection.execute(sa.text(_SCHEMA)).first()
    if schema is None:
        yield Damage(Kind.MISSING, "table", 0, part="alembic_version")
        return
    names = [
        *metadata.tables,
        "instance_decision",
        "series_decision",
        "series_computation",
        "series_fact",
        "series_feature",
    ]
    crowded = set(connection.scalars(sa.text(_CROWDED), {"names": names})) - {"pg_catalog"}
    path = list(connection.execute(sa.text("SELECT pg_catalog.current_schemas(true)")).scalar_one())
    if next((name for name in path if not name.startswith("pg_temp")), "") != "pg_catalog":
        yield Damage(Kind.EDITED, "setting", 0, part="search_path")
    paths = [path]
    for setting in connection.scalars(sa.text(_SETTINGS)):
        name, _, value = setting.partition("=")
        if name == "session_replication_role":
            yield Damage(Kind.EDITED, "setting", 0, part=name)
        if name == "search_path":
            paths.append([part.strip().strip('"') for part in value.split(",")])
    shadows = {name for path in paths if schema[1] in path for name in path[: path.index(schema[1])] if name in crowded}
    for name in sorted(shadows):
        yield Damage(Kind.ADDED, "schema", 0, part=name)
