"""Watches training: metrics in other tools, curves of several runs in one picture, runs with their states."""
