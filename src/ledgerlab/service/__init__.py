"""The bookkeeping service: pages and a JSON API over PostgreSQL, several companies in one schema."""
