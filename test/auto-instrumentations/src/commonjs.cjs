const http = require('node:http');
// Hooks on `require` know a package by where its files are, whatever it is asked for as.
const express = require(process.env['SHOP_EXPRESS'] === '4' ? 'express4' : 'express');
const { serve } = require('./serve.ts');

void serve(http, express);
