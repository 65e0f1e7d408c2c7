SELECT place, us
FROM {{events}}
