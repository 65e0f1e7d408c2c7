(
    SELECT *, intDiv(clock_us - positiveModulo(clock_us, 86400000000), 86400000000) AS day
    FROM (
        SELECT *, us + offset_us AS clock_us
        FROM (
            SELECT *, {{person}} AS person, {{offset}} AS offset_us, {{since}} AS since_us
            FROM {{events}} AS events {{join}}
        )
    )
    WHERE {{holds}}
)
