-- What exports need of SQL: text made safe for a csv cell, and cells and rows of a sheet's XML.

-- Text for a csv cell that no spreadsheet takes for a formula; the import takes the apostrophe off again.
-- The rule is that of platform/formulas.py.
create or replace function export_harmless(t text) returns text immutable parallel safe language sql as $$
    select case when t ~ '^[''"“‘«„=+\-@\t\r\n＝＋－＠]' then '''' || t else t end
$$;

-- A cell of text. Backslashes and line breaks become references, so that COPY's text form changes nothing.
create or replace function export_cell(t text) returns text immutable parallel safe language sql as $$
    select case when t is null or t = '' then '<c/>' else
        '<c t="inlineStr"><is><t xml:space="preserve">'
        || replace(replace(replace(replace(replace(replace(replace(
            regexp_replace(regexp_replace(t, E'[\x01-\x08\x0b\x0c\x0e-\x1f]', '', 'g'),
                           '_(?=x[0-9A-Fa-f]{4}_)', '_x005F_', 'g'),
            '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '\', '&#92;'), E'\n', '&#10;'), E'\r', '&#13;'), E'\t', '&#9;')
        || '</t></is></c>' end
$$;

-- A cell with a number.
create or replace function export_cell(v numeric) returns text immutable parallel safe language sql as $$
    select coalesce('<c><v>' || v || '</v></c>', '<c/>')
$$;
