(
    -- A literal beyond 32 bits is a UInt64, which would make instants before 1970 large.
    SELECT *, intDiv(clock_us - positiveModulo(clock_us, toInt64(86400000000)), toInt64(86400000000)) AS day
    FROM (
        SELECT *, us + offset_us AS clock_us
        FROM (
            SELECT *, {{person}} AS person, {{offset}} AS offset_us, {{since}} AS since_us
            FROM {{events}} AS events {{join}}
        )
    )
    WHERE {{holds}}
)
