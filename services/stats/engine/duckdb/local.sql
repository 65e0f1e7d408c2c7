(
    SELECT event_id, us, user_id, user_key, event_type, properties, offset_us, since_us,
           make_timestamp(us + offset_us) AS clock,
           make_timestamp(us + offset_us)::DATE AS day
    FROM (
        SELECT event_id, us, user_id, user_key, event_type, properties, {{offset}} AS offset_us, {{since}} AS since_us
        FROM {{events}}
        WHERE us >= $from_us AND us < $to_us
    )
    WHERE day BETWEEN $first_date::DATE AND $last_date::DATE
)
