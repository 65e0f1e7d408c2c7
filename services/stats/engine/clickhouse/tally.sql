-- What is chosen of the events: one row for each. A bucket is NULL outside the range.
WITH chosen AS (
    SELECT {{bucket}} AS bucket, {{unit}} AS unit, {{value}} AS value{{fields}}
    FROM {{local}}
    {{chosen}}
), placed AS (
    SELECT bucket, unit, value, {{place}} AS place{{names}}
    FROM chosen {{groups}}
    WHERE bucket IS NOT NULL
)
{{part}}
