const http = require('node:http');
const express = require('express');
const { serve } = require('./serve.ts');

void serve(http, express);
