LEFT JOIN (
    SELECT user_key, min(us) AS first_seen, max(us) AS last_seen{{values}}
    FROM {{history}}
    WHERE us < $until_us
    GROUP BY user_key
) AS users USING (user_key)
