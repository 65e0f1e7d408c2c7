(
    SELECT *, make_timestamp(us + offset_us) AS clock, make_timestamp(us + offset_us)::DATE AS day
    FROM (
        SELECT *, {{offset}} AS offset_us, {{since}} AS since_us
        FROM {{events}}
        WHERE us >= $from_us AND us < $to_us
    )
    {{users}}
    WHERE day BETWEEN $first_date::DATE AND $last_date::DATE AND {{holds}}
)
